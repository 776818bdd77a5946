"""Actions on selected rows of lists in the admin, and their filters"""

import pytest
from django.apps import apps
from django.contrib import admin

from config.db.pool import Turns
from config.model_admin import ModelAdmin
from config.models import RuntimeSettings
from websites.models import User

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

IDS = ["x", "", "\0", "-1", "9" * 400, "a" * 10_000, "01a21f4a-b923-7d6b-a421-4a668c160eaf"]
SHOWN = [model for model in apps.get_models() if admin.site.is_registered(model)]
LISTS = [model for model in SHOWN if admin.site.get_model_admin(model).actions is not None]

OF_ROWS = [  # streams have a test of their own
    model
    for model in SHOWN
    if isinstance(admin.site.get_model_admin(model), ModelAdmin) and model is not RuntimeSettings
]


@pytest.mark.parametrize("model", LISTS, ids=lambda model: model.__name__)
def test_ids_that_no_row_can_have_select_none(staff_api, model):
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    form = {"action": "delete_selected", "index": "0"}
    for id in IDS:
        for more in ({}, {"post": "yes"}):
            response = staff_api.post(path, form | more | {"_selected_action": id})
            assert response.status_code in (200, 302)


def test_the_others_are_deleted(staff_api, user):
    form = {"action": "delete_selected", "_selected_action": ["x", str(user.pk)], "post": "yes"}
    assert staff_api.post("/admin/websites/user/", form).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("path", ["websites/user/?email=", "config/settingchange/?name="])
def test_a_filter_by_a_nul_is_refused(staff_api, path):
    assert staff_api.get(f"/admin/{path}x").status_code == 200
    assert staff_api.get(f"/admin/{path}%00").status_code == 400


@pytest.mark.parametrize("model", OF_ROWS, ids=lambda model: model.__name__)
def test_a_list_that_gets_no_turn_may_be_asked_for_again(staff_api, model, monkeypatch):
    path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    monkeypatch.setattr(Turns, "acquire", lambda self, *, timeout: False)
    response = staff_api.get(path)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "too many ask for lists" in response.content.decode()
    monkeypatch.undo()
    assert staff_api.get(path).status_code == 200

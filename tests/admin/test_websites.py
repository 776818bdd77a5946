"""Users, groups and websites in the admin"""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.html import strip_tags

from config.db import uuid7
from tests.support.accounts import PASSWORD
from websites.models import User, Website

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])

USERS, WEBSITES = "/admin/websites/user/", "/admin/websites/website/"
CODE = re.compile(r"pm-[a-z0-9]{6}-[0-9]{13}")


@pytest.fixture
def new_website(staff_api, user):
    """Send the form of a new website."""

    def send(**changes):
        form = {"user": user.pk, "name": "Shop", "domain": "shop.example", "is_active": "on"}
        return staff_api.post(f"{WEBSITES}add/", form | changes)

    return send


def names(response):
    return [str(row) for row in response.context["cl"].result_list]


def errors(response):
    """Return the errors of a form by field."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_the_admin_requires_a_login_by_email(make_user):
    make_user("staff@example.com", is_staff=True)
    client = Client()
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    form = {"username": "Staff@Example.com", "password": PASSWORD, "next": "/admin/"}
    assert client.post("/admin/login/", form)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_every_page_opens(staff_api, website):
    group = Group.objects.create(name="Support")
    pages = [
        *("/admin/", USERS, WEBSITES, "/admin/auth/group/"),
        *(f"{USERS}add/", f"{WEBSITES}add/", "/admin/auth/group/add/"),
        *(f"{USERS}{website.user_id}/change/", f"{USERS}{website.user_id}/password/"),
        *(f"{WEBSITES}{website.pk}/change/", f"{WEBSITES}{website.pk}/history/"),
        f"/admin/auth/group/{group.pk}/change/",
    ]
    assert {page: staff_api.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_revoked_tokens_are_no_business_of_staff():
    apps = {model._meta.app_label for model in admin.site._registry}
    assert "token_blacklist" not in apps


@pytest.mark.usefixtures("unrecorded")
def test_websites_are_listed_with_owner_and_code_in_few_queries(
    staff_api, make_user, make_website, django_assert_max_num_queries
):
    for n in range(30):
        make_website(make_user(f"user{n}@example.com"), name=f"Site {n}")
    with django_assert_max_num_queries(7):
        page = staff_api.get(WEBSITES).content.decode()
    assert all(f"user{n}@example.com" in page for n in range(5, 30))
    codes = Website.objects.values_list("tracking_code", flat=True)[:25]
    assert set(codes) == set(CODE.findall(page))


@pytest.mark.parametrize("words", ["My Web", "example.com", "user@example", "{code}"])
def test_websites_are_found(staff_api, website, make_user, make_website, words):
    make_website(make_user("b@other.test"), "other.test", name="Else")
    response = staff_api.get(WEBSITES, {"q": words.format(code=website.tracking_code)})
    assert names(response) == [str(website)]


def test_a_new_website_gets_a_tracking_code(new_website, user):
    response = new_website(tracking_code="pm-mine", domain="https://www.Shop.example/")
    assert response["Location"] == WEBSITES
    website = Website.objects.get()
    assert (website.user, website.name, website.host) == (user, "Shop", "shop.example")
    assert CODE.fullmatch(website.tracking_code)
    assert int(website.tracking_code[-13:]) == uuid7.ms_of(website.id)
    assert LogEntry.objects.get().object_id == str(website.pk)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"domain": "ftp://x"}, {"domain": ["Enter a host or a URL."]}),
        ({"user": ""}, {"user": ["This field is required."]}),
        ({"name": ""}, {"name": ["This field is required."]}),
    ],
)
def test_a_new_website_must_keep_the_rules(new_website, changes, expected):
    assert errors(new_website(**changes)) == expected
    assert not Website.objects.exists()


def test_a_second_website_of_a_host_is_rejected(new_website, user, make_website):
    website = make_website(user, "www.shop.example")
    expected = {"__all__": ["This user has a website of the same host."]}
    assert errors(new_website()) == expected
    assert list(Website.objects.all()) == [website]


def test_a_renamed_website_keeps_its_code_and_its_state(staff_api, website):
    form = {"user": website.user_id, "name": "Renamed", "domain": website.domain}
    response = staff_api.post(f"{WEBSITES}{website.pk}/change/", form)
    assert response["Location"] == WEBSITES
    after = Website.objects.get()
    assert (after.name, after.is_active) == ("Renamed", True)
    assert after.tracking_code == website.tracking_code
    assert after.updated_at > website.updated_at


def test_users_are_found_by_email(staff_api, user, make_user):
    make_user("other@else.test")
    assert names(staff_api.get(USERS, {"q": "User@exam"})) == [str(user)]


def test_users_are_listed_newest_first_with_their_age(staff_api, make_user):
    make_user("old@example.com", id=uuid7.new_id(1_500_000_000_000))
    response = staff_api.get(USERS)
    assert names(response) == ["staff@example.com", "old@example.com"]
    assert "2017-07-14 02:40" in response.content.decode()


@pytest.mark.parametrize(
    ("rights", "cells"),
    [
        ({}, ["-", "Active"]),
        ({"is_active": False}, ["-", "Inactive"]),
        ({"is_staff": True}, ["Staff", "Active"]),
        ({"is_staff": True, "is_superuser": True}, ["Superuser", "Active"]),
    ],
)
def test_the_list_of_users_shows_their_roles(staff_api, make_user, rights, cells):
    user = make_user("who@example.com", **rights)
    page = staff_api.get(USERS, {"q": user.email}).content.decode()
    [role] = re.findall(r'<td class="field-role[^>]*>(.*?)</td>', page, re.DOTALL)
    [state] = re.findall(r'<td class="field-state[^>]*>(.*?)</td>', page, re.DOTALL)
    assert [strip_tags(cell).strip() for cell in (role, state)] == cells


def test_the_title_of_a_user_is_the_email_as_it_is(staff_api, user):
    page = staff_api.get(f"{USERS}{user.pk}/change/").content.decode()
    link = f'href="{USERS}{user.pk}/change/"'
    [title] = re.findall(f"<a {link}[^>]*>(.*?)</a>", page, re.DOTALL)
    assert title.strip() == user.email


@pytest.fixture
def add_user(staff_api):
    def send(**changes):
        form = {
            "email": "New@Example.com",
            "name": "",
            "usable_password": "true",
            "password1": "correct horse 7",
            "password2": "correct horse 7",
        }
        return staff_api.post(f"{USERS}add/", form | changes)

    return send


def test_a_new_user_can_log_in(add_user):
    response = add_user()
    user = User.objects.get(email="new@example.com")
    assert response["Location"] == f"{USERS}{user.pk}/change/"
    assert user.check_password("correct horse 7")
    assert (user.name, user.is_active, user.is_staff) == (None, True, False)


def test_a_taken_email_is_rejected_in_any_case(add_user, make_user):
    make_user("new@example.com")
    assert errors(add_user()) == {"email": ["User with this Email already exists."]}


def test_a_new_user_needs_a_good_password(add_user):
    refused = errors(add_user(password1="password", password2="password"))
    assert list(refused) == ["password2"]
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_password_is_set_with_djangos_form(staff_api, user):
    form = {
        "usable_password": "true",
        "password1": "correct horse 7",
        "password2": "correct horse 7",
    }
    response = staff_api.post(f"{USERS}{user.pk}/password/", form)
    assert response.status_code == 302
    user.refresh_from_db()
    assert user.check_password("correct horse 7")


def test_a_user_is_deactivated(staff_api, user):
    response = staff_api.post(f"{USERS}{user.pk}/change/", {"email": "USER@example.com"})
    assert response.status_code == 302
    user.refresh_from_db()
    assert (user.email, user.is_active) == ("user@example.com", False)

"""Annotations on the dashboard's chart, and the pages on which an owner writes them"""

import re
from datetime import UTC, date, datetime

import pytest
from django.test import Client

from tests.support.events import PATH, event_of
from tests.support.pages import text_of
from tests.support.shares import token_of_share
from websites.models import Annotation

pytestmark = pytest.mark.django_db(databases=["default", "analytics"])
HOSTILE = "<script>alert(1)</script>\"'&{{ x }}"
FORM = {"day": "2026-03-02", "time": "", "text": "Sale"}
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def base(api, website, clock):
    """The path of a dashboard with an event."""
    clock.set(NOW)
    assert api.post(PATH, event_of(website)).status_code == 201
    return f"/websites/{website.pk}/"


@pytest.fixture
def browser(user, base):
    """A browser in which the owner has logged in at the time of the test."""
    client = Client()
    client.force_login(user)
    return client


def annotate(website, text="Sale", when=date(2026, 3, 2), **more):
    at = {"at": when} if isinstance(when, datetime) else {"day": when}
    return Annotation.objects.create(website=website, text=text, **at, **more)


def places(response):
    """Return the places of the marks on the chart, in per cent of its width."""
    return [float(x) for x in re.findall(r'<circle cx="([\d.]+)%"', response.content.decode())]


def test_an_annotation_is_added_changed_and_deleted(browser, base):
    page = f"{base}annotations/"
    assert "No annotation yet" in text_of(browser.get(page))
    response = browser.post(page, FORM, follow=True)
    assert response.redirect_chain == [(page, 302)]
    assert "Mon 2 Mar 2026 Sale Change" in text_of(response)
    annotation = Annotation.objects.get()
    assert (annotation.when, annotation.is_public) == (date(2026, 3, 2), False)
    own = f"{page}{annotation.pk}/"
    assert 'value="2026-03-02"' in browser.get(own).content.decode()
    browser.post(own, FORM | {"time": "09:30", "text": "Other", "isPublic": "on"})
    annotation.refresh_from_db()
    assert annotation.when == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert (annotation.text, annotation.is_public) == ("Other", True)
    assert "Mon 2 Mar 2026, 09:30, public Other Change" in text_of(browser.get(page))
    browser.post(own, {"delete": "yes"})
    assert not Annotation.objects.exists()


def test_a_form_has_the_clock_of_the_website(browser, website, base):
    website.change(timezone="Asia/Kathmandu")
    browser.post(f"{base}annotations/", FORM | {"time": "09:30:15"})
    annotation = Annotation.objects.get()
    assert annotation.at == datetime(2026, 3, 2, 3, 45, 15, tzinfo=UTC)
    html = browser.get(f"{base}annotations/{annotation.pk}/").content.decode()
    assert 'value="09:30:15"' in html
    assert 'value="2026-03-02"' in html


def test_another_text_does_not_move_an_annotation(browser, website, base):
    website.change(timezone="Europe/Berlin")
    second_half_past_two = datetime(2025, 10, 26, 1, 30, 0, 250_000, tzinfo=UTC)
    annotation = annotate(website, when=second_half_past_two)
    fields = {"day": "2025-10-26", "time": "02:30:00", "text": "Other"}
    browser.post(f"{base}annotations/{annotation.pk}/", fields)
    annotation.refresh_from_db()
    assert (annotation.at, annotation.text) == (second_half_past_two, "Other")


def test_a_chart_marks_the_buckets_of_annotations(browser, website, base):
    annotate(website, "Before", date(2026, 2, 28))
    annotate(website, "First", date(2026, 3, 1))
    annotate(website, "Last", datetime(2026, 3, 3, 23, 59, tzinfo=UTC))
    annotate(website, "After", datetime(2026, 3, 4, 0, 0, tzinfo=UTC))
    response = browser.get(f"{base}?from=2026-03-01&to=2026-03-03&interval=day")
    assert places(response) == [16.67, 83.33]
    text = text_of(response)
    assert "Sun 1 Mar: 0; First" in text
    assert "Tue 3 Mar: 1, so far; Last" in text
    assert "Annotations (2) Sun 1 Mar 2026 First Change Tue 3 Mar 2026, 23:59 Last Change" in text
    assert "in all, with 2 annotations" in response.content.decode()
    assert "Before" not in text
    assert "After" not in text


def test_a_day_is_one_of_the_clock_of_the_chart(browser, website, base):
    annotate(website, "Day", date(2026, 3, 3))
    annotate(website, "Instant", datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    asked = f"{base}?from=2026-03-02&to=2026-03-03&interval=day"
    assert places(browser.get(asked)) == [25, 75]
    assert places(browser.get(f"{asked}&timezone=Asia/Kathmandu")) == [75, 75]


def test_a_day_of_which_the_range_has_a_part_is_marked(browser, website, base):
    annotate(website, "Day", date(2026, 3, 2))
    response = browser.get(
        base, {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T16:00:00Z", "interval": "hour"}
    )
    assert places(response) == [12.5]


def test_guests_see_what_is_public_alone(browser, website, base, staff_api):
    annotate(website, "Secret", date(2026, 3, 2))
    annotate(website, "Known", date(2026, 3, 2), is_public=True)
    shared = f"/share/{token_of_share(website)}/"
    for client in (Client(), browser):
        response = client.get(shared)
        assert len(places(response)) == 1
        assert "Known" in text_of(response)
        assert "Secret" not in response.content.decode()
        assert "annotations/" not in response.content.decode()
        assert client.get(f"{shared}annotations/").status_code == 404
    text = text_of(staff_api.get(base))
    assert "Secret" in text
    assert "Add an annotation" not in text


def test_only_the_owner_writes_annotations(base, website, make_user, staff_api):
    own = f"{base}annotations/{annotate(website).pk}/"
    stranger = Client()
    stranger.force_login(make_user("stranger@example.com"))
    for client in (stranger, staff_api):
        for page in (f"{base}annotations/", own):
            assert client.get(page).status_code == 404
            assert client.post(page, FORM | {"delete": "yes"}).status_code == 404
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(website.user)
    assert forged.post(own, {"delete": "yes"}).status_code == 403
    assert Annotation.objects.count() == 1


def test_annotations_of_other_websites_are_not_there(browser, base, make_website, user):
    other = annotate(make_website(user, "other.example"), "Other")
    assert browser.get(f"{base}annotations/{other.pk}/").status_code == 404
    assert browser.post(f"{base}annotations/{other.pk}/", {"delete": "yes"}).status_code == 404
    assert "Other" not in text_of(browser.get(base))
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"text": ""}, "Text: Text is required"),
        ({"text": "x" * 501}, "Text: At most 500 characters are allowed"),
        ({"day": ""}, "When: Expected YYYY-MM-DD"),
        ({"day": "2026-02-30"}, "When: Expected YYYY-MM-DD"),
        ({"day": "0001-01-01", "time": "00:00"}, "When: Expected a date of the years"),
        ({"time": "25:00"}, "When: Expected YYYY-MM-DD"),
    ],
)
def test_what_is_wrong_is_said(browser, website, base, change, error):
    annotation = annotate(website)
    for page in (f"{base}annotations/", f"{base}annotations/{annotation.pk}/"):
        response = browser.post(page, FORM | change)
        assert response.status_code == 400
        assert error in text_of(response)
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize("text", ["a\0b", "\ud800", HOSTILE, "%s {{", "a\r\nb", "2026-01-01T10:00"])
@pytest.mark.parametrize("field", FORM)
def test_hostile_texts(browser, base, field, text):
    form = FORM | {field: text.encode("utf-8", "surrogatepass")}
    response = browser.post(f"{base}annotations/", form, follow=True)
    assert response.status_code in (200, 400)
    for page in (base, f"{base}annotations/"):
        html = browser.get(page).content.decode()
        assert "<script>alert" not in html


def test_one_more_than_fits_is_refused(browser, website, base, monkeypatch):
    monkeypatch.setattr("analytics.reports.annotations.new_annotation.MAX_ANNOTATIONS", 1)
    annotate(website)
    response = browser.post(f"{base}annotations/", FORM)
    assert response.status_code == 400
    assert "A website has at most 500 annotations" in text_of(response)
    assert Annotation.objects.count() == 1

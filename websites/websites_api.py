"""The websites API: a user's websites and their tracking codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from rest_framework.request import Request

from config.api import registry
from config.api.dialects.base import Messages
from config.api.errors import Conflict, NotFound
from config.api.fields import OPTIONAL, Boolean, Text
from config.api.rules import Rule, at_least, at_most
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, endpoint
from websites.authentication import BearerAuthentication, caller_of
from websites.domains import is_domain
from websites.models import Website
from websites.ownership import NOT_FOUND, own_website
from websites.settings import SETTINGS
from websites.websites_responses import Deleted, WebsiteBody, WebsiteList, WebsiteSettings

TAKEN = "This domain is already registered for your account"


def bearer(*, failed: str, **more: Any) -> endpoint:
    """Return an endpoint with this API's authentication and messages."""
    messages = Messages(invalid="Invalid request body", failed=failed)
    return endpoint(authentication=BearerAuthentication, messages=messages, **more)


class NewWebsite(StrictSerializer):
    """A website to be."""

    name = Text(
        at_least(1, "Website name is required"),
        at_most(255, "Website name must be less than 255 characters"),
    )
    domain = Text(
        at_least(1, "Domain is required"),
        Rule(is_domain, "url_parsing", "Invalid domain URL"),
        at_most(255, "Domain must be less than 255 characters"),
    )
    description = Text(at_most(1000, "Description must be less than 1000 characters"), **OPTIONAL)

    example: ClassVar[Any] = {
        "name": "My Website",
        "domain": "example.com",
        "description": "My example website",
    }


class WebsiteChange(NewWebsite):
    """What is to be different; whatever is left out stays."""

    isActive = Boolean(source="is_active")

    example: ClassVar[Any] = {"name": "Renamed", "isActive": False}


NEW, CHANGE = NewWebsite(), WebsiteChange(partial=True)


class WebsitesView(ApiView):
    """/api/v1/websites"""

    api = registry.WEBSITES

    @bearer(
        failed="Failed to create website",
        request=NEW,
        responses={201: WebsiteBody},
        errors=(Conflict(TAKEN),),
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a website; it takes events at once."""
        values = NEW.run_validation(self.json())
        with _unique_host():
            website = Website.objects.create(user_id=caller_of(request).user_id, **values)
        self.annotate(project_id=website.pk)
        return self.respond(201, WebsiteBody.from_attributes(website))

    @bearer(failed="Failed to fetch websites", responses={200: WebsiteList})
    def get(self, request: Request) -> HttpResponse:
        """List all websites of the caller, the newest first."""
        websites = Website.objects.owned_by(caller_of(request).user_id)
        bodies = [WebsiteBody.from_attributes(website) for website in websites]
        return self.respond(200, WebsiteList(bodies, total=len(bodies)))


class WebsiteView(ApiView):
    """/api/v1/websites/:id"""

    api = registry.WEBSITES

    @bearer(
        failed="Failed to fetch website",
        responses={200: WebsiteBody},
        errors=(NotFound(NOT_FOUND),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show one website."""
        return self.respond(200, WebsiteBody.from_attributes(own_website(request, id)))

    @bearer(
        failed="Failed to update website",
        request=CHANGE,
        responses={200: WebsiteBody},
        errors=(NotFound(NOT_FOUND), Conflict(TAKEN)),
    )
    def put(self, request: Request, id: str) -> HttpResponse:
        """Change a website; what is left out stays."""
        website = own_website(request, id)  # a 404 comes before a 400
        changes = CHANGE.run_validation(self.json())
        with _unique_host():
            website.change(**changes)
        return self.respond(200, WebsiteBody.from_attributes(website))

    @bearer(
        failed="Failed to delete website",
        responses={200: Deleted},
        errors=(NotFound(NOT_FOUND),),
    )
    def delete(self, request: Request, id: str) -> HttpResponse:
        """Delete a website; its events cannot be read any more."""
        own_website(request, id).delete()
        return self.respond(200, Deleted())


class SettingsView(ApiView):
    """/api/v1/websites/:id/settings"""

    api = registry.WEBSITES

    @bearer(
        failed="Failed to fetch settings",
        responses={200: WebsiteSettings},
        errors=(NotFound(NOT_FOUND),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Show the settings of a website."""
        return self.respond(200, WebsiteSettings.of(own_website(request, id)))

    @bearer(
        failed="Failed to update settings",
        request=SETTINGS,
        responses={200: WebsiteSettings},
        errors=(NotFound(NOT_FOUND),),
    )
    def put(self, request: Request, id: str) -> HttpResponse:
        """Change settings of a website; what is left out stays.

        They count within five seconds. Events that they leave out are answered as while the switch
        of events is off, with `X-Event-Outcome: dropped; reason=website_settings`.
        """
        website = own_website(request, id)  # a 404 comes before a 400
        changes = SETTINGS.run_validation(self.json())
        with _existing():
            website.change(**changes)
        return self.respond(200, WebsiteSettings.of(website))


@contextmanager
def _unique_host() -> Iterator[None]:
    """Raise Conflict for a second website of the same host."""
    try:
        with _existing(), transaction.atomic(using="default"):
            yield
    except IntegrityError as error:
        raise Conflict(TAKEN) from error


@contextmanager
def _existing() -> Iterator[None]:
    """Raise NotFound for a website that was deleted meanwhile."""
    try:
        yield
    except Website.DoesNotExist as error:
        raise NotFound(NOT_FOUND) from error

"""The websites API: a user's websites and their tracking codes."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from config.api import registry
from config.api.errors import Conflict, NotFound
from config.api.fields import Boolean
from config.api.view import ApiView
from config.server.capacity import LISTS
from websites.authentication import caller_of
from websites.models import Website
from websites.new_website import NEW, TAKEN, NewWebsite, existing, unique_host
from websites.ownership import NOT_FOUND, bearer, own_website
from websites.settings import SETTINGS
from websites.websites_responses import Deleted, WebsiteBody, WebsiteList, WebsiteSettings


class WebsiteChange(NewWebsite):
    """What is to be different; whatever is left out stays."""

    isActive = Boolean(source="is_active")

    example: ClassVar[Any] = {"name": "Renamed", "isActive": False}


CHANGE = WebsiteChange(partial=True)


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
        user_id = caller_of(request).user_id
        with unique_host(user_id, values["domain"]):
            website = Website.objects.create(user_id=user_id, **values)
        self.annotate(project_id=website.pk)
        return self.respond(201, WebsiteBody.from_attributes(website))

    @bearer(failed="Failed to fetch websites", responses={200: WebsiteList})
    def get(self, request: Request) -> HttpResponse:
        """List all websites of the caller, the newest first."""
        websites = Website.objects.owned_by(caller_of(request).user_id)
        with LISTS.bounded():
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
        domain = changes.get("domain", website.domain)
        with unique_host(website.user_id, domain, but=website):
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
        with existing():
            website.change(**changes)
        return self.respond(200, WebsiteSettings.of(website))

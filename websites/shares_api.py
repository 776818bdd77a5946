"""The API of shares: who else may read the statistics of a website."""

from django.http import HttpResponse
from django.urls import path, reverse
from rest_framework.request import Request

from config.api import registry
from config.api.errors import Conflict, NotFound
from config.api.view import ApiView
from websites.models import Share
from websites.new_share import NEW, TOO_MANY, issue_share
from websites.ownership import NOT_FOUND, bearer, own_website
from websites.shares_responses import NewShareBody, Revoked, ShareBody, ShareList

SHARE_NOT_FOUND = "Share not found"


class SharesView(ApiView):
    """/api/v1/websites/:id/shares"""

    api = registry.WEBSITES

    @bearer(
        failed="Failed to fetch shares",
        responses={200: ShareList},
        errors=(NotFound(NOT_FOUND),),
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """List all shares of a website, the newest first."""
        shares = Share.objects.filter(website=own_website(request, id))
        bodies = [ShareBody.from_attributes(share) for share in shares]
        return self.respond(200, ShareList(bodies, total=len(bodies)))

    @bearer(
        failed="Failed to create share",
        request=NEW,
        responses={201: NewShareBody},
        errors=(NotFound(NOT_FOUND), Conflict(TOO_MANY)),
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        """Make a share: a page that anybody may open who has its address, and a bearer token.

        Both show the statistics of this website and nothing else, until the share is revoked. Only
        a hash of the token is stored.
        """
        website = own_website(request, id)  # a 404 comes before a 400
        share = issue_share(website, **NEW.run_validation(self.json()))
        url = request.build_absolute_uri(reverse("share", args=[share.token]))
        return self.respond(201, NewShareBody.of(share, url))


class ShareView(ApiView):
    """/api/v1/websites/:id/shares/:shareId"""

    api = registry.WEBSITES

    @bearer(
        failed="Failed to revoke share",
        responses={200: Revoked},
        errors=(NotFound(NOT_FOUND), NotFound(SHARE_NOT_FOUND)),
    )
    def delete(self, request: Request, id: str, share_id: str) -> HttpResponse:
        """Revoke a share; its page and its token end at once."""
        if not Share.objects.revoke(own_website(request, id), share_id):
            raise NotFound(SHARE_NOT_FOUND)
        return self.respond(200, Revoked())


urlpatterns = [
    path("api/v1/websites/<str:id>/shares", SharesView.as_view()),
    path("api/v1/websites/<str:id>/shares/<str:share_id>", ShareView.as_view()),
]

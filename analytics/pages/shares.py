"""The shares of a website: made with a link that is shown once, and revoked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from analytics.pages.access import website_page
from config.api.errors import Conflict, Invalid
from websites.models import Share, Website
from websites.new_share import NEW, issue_share


@website_page(for_owner=True)
@require_POST
def shares(request: HttpRequest, website: Website) -> HttpResponse:
    """Revoke a share, or make one and show its link."""
    if "revoke" in request.POST:
        if Share.objects.revoke(website, request.POST["revoke"]):
            messages.success(request, "Revoked. The link opens nothing any more.")
        return _list(website)
    try:
        values = NEW.run_validation({"name": request.POST.get("name", "")})
        share = issue_share(website, **values)
    except Invalid as error:
        for problem in error.problems:
            messages.error(request, f"{problem.describe()}.")
        return _list(website)
    except Conflict as error:
        messages.error(request, f"{error.message}.")
        return _list(website)
    # No redirect: that would need the token to be stored.
    link = request.build_absolute_uri(reverse("share", args=[share.token]))
    context = {"website": website, "here": "settings", "is_owner": True, "share": share}
    return render(request, "pages/new_share.html", context | {"link": link})


def _list(website: Website) -> HttpResponse:
    settings = reverse("website_settings", args=[website.pk])
    return HttpResponseRedirect(f"{settings}#shares")

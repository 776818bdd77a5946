"""Answers as files of comma separated values."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from analytics.pages.access import website_page
from analytics.pages.texts import problem_text
from analytics.reports.answers import answer, current
from analytics.reports.csv_text import csv_of, file_name
from analytics.reports.parameters.parameters import CSV, question_of
from analytics.reports.questions.question import Answer, Question
from config.api.errors import Invalid
from config.db import uuid7
from websites.models import Website


@website_page()
@require_safe
def export(request: HttpRequest, website: Website) -> HttpResponse:
    """Send a list as comma separated values."""

    def ask() -> Question:
        return question_of(website, request.GET, uuid7.now(), CSV)

    return csv_response(website, ask, answer)


def csv_response(
    website: Website, ask: Callable[[], Question], answer: Callable[[Question], Answer]
) -> HttpResponse:
    """Return the answer to a question as a file, or what is wrong with the question."""
    try:
        question = ask()
        with current(website):
            text = csv_of(question, answer(question))
    except Invalid as error:
        return HttpResponse(problem_text(error), status=400, content_type="text/plain")
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, file_name(question))
    return response

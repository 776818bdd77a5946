"""The API of goals and funnels: their definitions, which count what came before them too."""

from typing import Any

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from config.api import registry
from config.api.errors import Conflict, NotFound
from config.api.view import ApiView, endpoint
from websites import goals
from websites.goal_models import Funnel, Goal
from websites.goals import FUNNEL, FUNNEL_CHANGE, GOAL, GOAL_CHANGE
from websites.goals_responses import (
    FunnelBody,
    FunnelDeleted,
    FunnelList,
    GoalBody,
    GoalDeleted,
    GoalList,
)
from websites.ownership import NOT_FOUND, bearer, own_website


def defined(
    *, failed: str, of: type[Goal] | type[Funnel] | None = None, takes: Any = None, **more: Any
) -> endpoint:
    """Return an endpoint of the owner with the errors of goals or funnels.

    of: which of them the path names. takes: the model of what the body describes.
    """
    errors: list[Any] = [NotFound(NOT_FOUND)]
    errors += [NotFound(goals.not_found(of))] if of else []
    errors += [Conflict(goals.taken(takes))] if takes else []
    errors += [Conflict(goals.too_many(takes))] if takes and not of else []
    return bearer(failed=failed, errors=tuple(errors), **more)


class GoalsView(ApiView):
    """/api/v1/websites/:id/goals"""

    api = registry.STATISTICS

    @defined(failed="Failed to fetch goals", responses={200: GoalList})
    def get(self, request: Request, id: str) -> HttpResponse:
        """List the goals of a website, the oldest first."""
        found = Goal.objects.of_website(own_website(request, id).pk)
        bodies = [GoalBody.of(goal) for goal in found]
        return self.respond(200, GoalList(bodies, total=len(bodies)))

    @defined(failed="Failed to create goal", takes=Goal, request=GOAL, responses={201: GoalBody})
    def post(self, request: Request, id: str) -> HttpResponse:
        """Make a goal; it counts what came before it, too.

        A website may have 50.
        """
        website = own_website(request, id)  # a 404 comes before a 400
        values = GOAL.run_validation(self.json())
        return self.respond(201, GoalBody.of(goals.create(Goal, website, values)))


class GoalView(ApiView):
    """/api/v1/websites/:id/goals/:goalId"""

    api = registry.STATISTICS

    def goal(self, id: str, goal_id: str) -> Goal:
        return goals.find(Goal, own_website(self.request, id), goal_id)

    @defined(failed="Failed to fetch goal", of=Goal, responses={200: GoalBody})
    def get(self, request: Request, id: str, goal_id: str) -> HttpResponse:
        """Show one goal."""
        return self.respond(200, GoalBody.of(self.goal(id, goal_id)))

    @defined(
        failed="Failed to update goal",
        of=Goal,
        takes=Goal,
        request=GOAL_CHANGE,
        responses={200: GoalBody},
    )
    def put(self, request: Request, id: str, goal_id: str) -> HttpResponse:
        """Change a goal; what is left out stays, and all time is counted anew."""
        goal = self.goal(id, goal_id)
        goals.change(goal, GOAL, GoalBody.of, self.json())
        return self.respond(200, GoalBody.of(goal))

    @defined(failed="Failed to delete goal", of=Goal, responses={200: GoalDeleted})
    def delete(self, request: Request, id: str, goal_id: str) -> HttpResponse:
        """Delete a goal; the events stay."""
        self.goal(id, goal_id).delete()
        return self.respond(200, GoalDeleted())


class FunnelsView(ApiView):
    """/api/v1/websites/:id/funnels"""

    api = registry.STATISTICS

    @defined(failed="Failed to fetch funnels", responses={200: FunnelList})
    def get(self, request: Request, id: str) -> HttpResponse:
        """List the funnels of a website, the oldest first."""
        found = Funnel.objects.of_website(own_website(request, id).pk)
        bodies = [FunnelBody.of(funnel) for funnel in found]
        return self.respond(200, FunnelList(bodies, total=len(bodies)))

    @defined(
        failed="Failed to create funnel",
        takes=Funnel,
        request=FUNNEL,
        responses={201: FunnelBody},
    )
    def post(self, request: Request, id: str) -> HttpResponse:
        """Make a funnel; it counts what came before it, too.

        A website may have 50.
        """
        website = own_website(request, id)  # a 404 comes before a 400
        values = FUNNEL.run_validation(self.json())
        return self.respond(201, FunnelBody.of(goals.create(Funnel, website, values)))


class FunnelView(ApiView):
    """/api/v1/websites/:id/funnels/:funnelId"""

    api = registry.STATISTICS

    def funnel(self, id: str, funnel_id: str) -> Funnel:
        return goals.find(Funnel, own_website(self.request, id), funnel_id)

    @defined(failed="Failed to fetch funnel", of=Funnel, responses={200: FunnelBody})
    def get(self, request: Request, id: str, funnel_id: str) -> HttpResponse:
        """Show one funnel."""
        return self.respond(200, FunnelBody.of(self.funnel(id, funnel_id)))

    @defined(
        failed="Failed to update funnel",
        of=Funnel,
        takes=Funnel,
        request=FUNNEL_CHANGE,
        responses={200: FunnelBody},
    )
    def put(self, request: Request, id: str, funnel_id: str) -> HttpResponse:
        """Change a funnel; what is left out stays, and all time is counted anew."""
        funnel = self.funnel(id, funnel_id)
        goals.change(funnel, FUNNEL, FunnelBody.of, self.json())
        return self.respond(200, FunnelBody.of(funnel))

    @defined(failed="Failed to delete funnel", of=Funnel, responses={200: FunnelDeleted})
    def delete(self, request: Request, id: str, funnel_id: str) -> HttpResponse:
        """Delete a funnel; the events stay."""
        self.funnel(id, funnel_id).delete()
        return self.respond(200, FunnelDeleted())


urlpatterns = [
    path("api/v1/websites/<str:id>/goals", GoalsView.as_view()),
    path("api/v1/websites/<str:id>/goals/<str:goal_id>", GoalView.as_view()),
    path("api/v1/websites/<str:id>/funnels", FunnelsView.as_view()),
    path("api/v1/websites/<str:id>/funnels/<str:funnel_id>", FunnelView.as_view()),
]

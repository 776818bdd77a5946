"""Activity: every request that the service answered, and steps that the host project records."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest


def record(
    event_type: str,
    *,
    request: "HttpRequest | None" = None,
    user_id: object = None,
    session_id: object = None,
    project_id: object = None,
    metadata: "dict[str, Any] | None" = None,
) -> None:
    """Record a step of a flow, such as an invoice that was paid.

    It does not wait for the commit. A row that cannot be stored is lost with a warning, as those
    of requests are, and raises nothing. While `activity_enabled` is off nothing is recorded.

    event_type: 1 to 64 characters of a-z, 0-9, `_`, `-`, `.`, not beginning with `frontend_`;
        raises ValueError otherwise.
    request: the request in which it happens, if any. It gives user, session and project, unless
        the other arguments do, and method, path and client.
    user_id, session_id, project_id: ids of any kind, kept as text; at most 128 characters.
    metadata: what JSON can hold, at most 16384 bytes of it; raises ValueError or TypeError. The
        keys request_id, remote_addr and actor_type are the recorder's.
    """
    from activity import recorder  # models cannot be imported before the apps are ready

    ids = {"user_id": user_id, "session_id": session_id, "project_id": project_id}
    recorder.record_step(event_type, request, ids, metadata or {})

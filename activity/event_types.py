"""The event type of a request, from its method, path and status alone."""

from functools import lru_cache

REQUEST = "api_request"
MAX_CACHED_LENGTH = 512  # of a method and a path, which a client may make as long as 64 kB


def event_type_of(method: str, path: str, status: int) -> str:
    """Return the event type of a request; the first rule that applies counts.

    The paths of projects, wizard and PDF belong to routes that a host project serves beside ours.
    """
    if status >= 500:
        return "server_error"
    if status >= 400:
        return "api_request_failed"
    if not path.startswith("/api/v1/"):
        return REQUEST
    path = path.removesuffix("/")
    if len(method) + len(path) > MAX_CACHED_LENGTH:
        return _of_success.__wrapped__(method, path)
    return _of_success(method, path)


@lru_cache(maxsize=256)  # most requests are of one of a few routes
def _of_success(method: str, path: str) -> str:
    match (method, *path.split("/")[3:]):
        case ("POST", "auth", "register"):
            return "user_registered"
        case ("POST", "auth", "login" | "session"):
            return "user_login"
        case ("POST", "auth", "refresh"):
            return "token_refreshed"
        case ("POST", "auth", "logout") | ("DELETE", "auth", "session"):
            return "user_logout"
        case ("POST", "analytics", "session") | ("POST", "sessions", "create"):
            return "session_created"
        case ("PATCH", "analytics", "session", id, "identify") if id:
            return "session_converted"
        case ("POST", "websites" | "projects"):
            return "project_created"
        case ("PUT", "websites", id) | ("PATCH", "projects", id) if id:
            return "project_updated"
        case ("DELETE", "websites" | "projects", id) if id:
            return "project_deleted"
        case ("POST", "sessions", *_, "convert" | "convert-to-project"):
            return "session_converted"
        case ("PUT", "projects" | "sessions", *_) if "wizard/step" in path:
            return "wizard_step_saved"
        case ("POST", "projects" | "sessions", *_, "recommendations"):
            return "recommendation_requested"
        case ("POST", "projects" | "sessions", *_, "generate-pdf"):
            return "pdf_generated"
        case ("GET", "projects" | "sessions", *_, "download-pdf"):
            return "pdf_downloaded"
    return REQUEST

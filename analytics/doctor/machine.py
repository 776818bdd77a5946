"""What this host has and reaches beside the databases."""

import shutil
from pathlib import Path

from django.conf import settings
from redis import Redis, RedisError

from analytics.doctor.checks import Finding, check, fail, ok, said, warn
from config.server.console import size

REDIS_SECONDS = 2
BAD_BYTES, LOW_BYTES = 1_000_000_000, 5_000_000_000


@check("Redis")
def redis() -> Finding:
    """Ask the server that counts rate limits for all processes."""
    if not settings.REDIS_URL:
        if settings.WORKERS == 1:
            return ok("not needed by one worker")
        advice = "Each worker would count for itself: set REDIS_URL, or WORKERS=1."
        return fail(f"not set, with {settings.WORKERS} workers", advice)
    timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    try:
        with Redis.from_url(settings.REDIS_URL, **timeouts) as client:
            client.ping()
    except RedisError as error:
        return fail(said(error), "Nothing is limited meanwhile: start it, or set REDIS_URL right.")
    return ok("answers")


@check("disk")
def disk() -> Finding:
    """Look how much room is left where this host writes; of other servers it knows nothing."""
    places = [settings.VAR_DIR]
    if settings.EMBEDDED:
        places.append(settings.VAR_DIR / "postgres")  # may be a disk of its own
    free = {place: shutil.disk_usage(_existing(place)).free for place in places}
    place = min(free, key=lambda each: free[each])
    found = f"{size(free[place])} free for {place}"
    advice = "Without room PostgreSQL stops: delete something, or shorten the retention."
    if free[place] < BAD_BYTES:
        return fail(found, advice)
    return warn(found, advice) if free[place] < LOW_BYTES else ok(found)


def _existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())

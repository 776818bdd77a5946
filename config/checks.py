"""System checks of settings, Redis and disk: before every command, or by `manage.py doctor`."""

import shutil
import time
from datetime import timedelta
from functools import partial
from glob import glob
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import humanize
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register

from config.models import ON, RuntimeSettings
from config.runtime import hardening
from config.server import disk_guard, doctor
from config.server.console import size

MIN_KEY_CHARACTERS = 16  # different ones; random keys have more
WIDEST_V4, WIDEST_V6 = 8, 16  # prefix lengths of private networks
FIRST_RUN = "a first run, for this machine"
HARDEN = "Run manage.py harden, or set it yourself."
REDIS_SECONDS = 2
OLD_BACKUP = timedelta(hours=26)  # a daily one may take longer than the day before
BACKUP_HEAD_BYTES = 1_000_000  # where a dump in PostgreSQL's own format lists what it holds
SALTS = b".config_dailysalt (day"  # of a COPY
BAD_BYTES, LOW_BYTES = 1_000_000_000, 5_000_000_000


@register
def several_workers_share_counters(**kwargs: Any) -> list[CheckMessage]:
    """Require Redis when several processes count rate limits."""
    if settings.WORKERS == 1 or settings.REDIS_URL:
        return []
    return [
        Error(
            f"WORKERS is {settings.WORKERS}, but REDIS_URL is not set.",
            hint="One process counts rate limits in memory. Set REDIS_URL, or WORKERS=1.",
            id="config.E001",
        )
    ]


@doctor.check("SECRET_KEY", 101, "settings")
def secret_key() -> CheckMessage:
    """Check that the key can neither be guessed nor read from a file."""
    key, file = settings.ROOT_SECRET_KEY, settings.SECRET_KEY_FILE
    hint = "Set it to 50 or more random characters; all sessions and tokens end with that."
    if len(set(key)) < MIN_KEY_CHARACTERS or key.startswith("django-insecure-"):
        return Error("is not random", hint=hint)
    if not settings.EMBEDDED and file.exists() and file.read_text() == key:
        return Warning(f"is the one that a first run has left in {file}", hint=hint)
    return Info("looks random")


@doctor.check("DEBUG", 102, "settings")
def debug() -> CheckMessage:
    """Check that errors do not show code and settings."""
    if not settings.DEBUG:
        return Info("off")
    level = Warning if settings.EMBEDDED else Error
    return level("on", hint="Anybody who causes an error sees code and settings: unset DEBUG.")


@doctor.check("ALLOWED_HOSTS", 103, "settings")
def allowed_hosts() -> CheckMessage:
    """Check that hosts are named."""
    if "*" not in settings.ALLOWED_HOSTS:
        return Info(", ".join(settings.ALLOWED_HOSTS))
    hint = "Requests may then say under which name they came: list the names."
    return Warning("any host", hint=hint)


@doctor.check("METRICS_TOKEN", 104, "settings")
def metrics_token() -> CheckMessage:
    """Check that a monitoring system can read the metrics."""
    if settings.METRICS_TOKEN or settings.EMBEDDED:
        return Info("set" if settings.METRICS_TOKEN else FIRST_RUN)
    return Warning("not set", hint="Only this host can read /metrics: set it for your monitoring.")


@doctor.check("TRUSTED_PROXIES", 105, "settings")
def trusted_proxies() -> CheckMessage:
    """Check that no client is trusted as a proxy, and that some proxy is."""
    networks = settings.TRUSTED_PROXIES
    found = ", ".join(map(str, networks))
    if any(network.prefixlen == 0 for network in networks):
        hint = "Every client may name its own address: list only your proxies."
        return Error(found, hint=hint)
    if any(_is_wide(network) for network in networks):
        return Warning(found, hint="That is more than a private network: list only your proxies.")
    if networks or settings.EMBEDDED:
        return Info(found or FIRST_RUN)
    return Warning(
        "none",
        hint="Behind a proxy all clients count as one and share its rate limits: name the proxy.",
    )


@doctor.check("EMAIL_URL", 106, "settings")
def email_url() -> CheckMessage:
    """Check that mail reaches people, and no log."""
    if not settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        return Info(settings.EMAIL_HOST or "set")
    if settings.EMBEDDED:
        return Info(FIRST_RUN)
    hint = "Links for new passwords are printed, where whoever reads the output can use them."
    return Warning("console", hint=hint)


@doctor.check("API_DOCS", 107, "settings")
def api_docs() -> CheckMessage:
    """Check that the description of all routes is not for everybody."""
    if not settings.API_DOCS or settings.EMBEDDED:
        return Info("shown: " + FIRST_RUN if settings.API_DOCS else "off")
    return Error("shown", hint="Everybody reads how to call each route: set API_DOCS=false.")


@doctor.check("REQUIRE_HTTPS", 108, "settings")
def require_https() -> CheckMessage:
    """Check that nothing is taken in clear."""
    if settings.REQUIRE_HTTPS or settings.EMBEDDED:
        return Info("on" if settings.REQUIRE_HTTPS else f"off: {FIRST_RUN}")
    hint = "Tokens and passwords may cross the network in clear: set REQUIRE_HTTPS=true."
    return Error("off", hint=hint)


def switched_off(name: str, danger: str) -> CheckMessage:
    """Check that a switch is off that lets everybody do or see something."""
    if getattr(RuntimeSettings.load(), name) != ON:
        return Info("off")
    if settings.EMBEDDED:
        return Info(f"on: {FIRST_RUN}")
    return Error("on", hint=f"{danger.capitalize()}. {HARDEN}")


for number, (switch, what_happens) in enumerate(hardening.SWITCHED_OFF.items(), 109):
    doctor.check(switch, number, "settings")(partial(switched_off, switch, what_happens))


@doctor.check("kept for ever", 112, "settings")
def kept_for_ever() -> CheckMessage:
    """Check that all streams are deleted after some time."""
    names = hardening.kept_for_ever()
    if not names or settings.EMBEDDED:
        return Info(f"{len(names)} streams: {FIRST_RUN}" if names else "none")
    return Warning(", ".join(names), hint=f"The disk fills without end. {HARDEN}")


@doctor.check("Redis", 301, "machine")
def redis() -> CheckMessage:
    """Check that the server that counts rate limits responds."""
    from redis import Redis, RedisError  # 7 MB that a server of one worker does without

    if not settings.REDIS_URL:
        if settings.WORKERS == 1:
            return Info("not needed by one worker")
        hint = "Each worker would count for itself: set REDIS_URL, or WORKERS=1."
        return Error(f"not set, with {settings.WORKERS} workers", hint=hint)
    timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    try:
        with Redis.from_url(settings.REDIS_URL, **timeouts) as client:
            client.ping()
    except RedisError as error:
        hint = "Nothing is limited meanwhile: start it, or set REDIS_URL right."
        return Error(doctor.describe_error(error), hint=hint)
    return Info("answers")


@doctor.check("disk", 302, "machine")
def disk() -> CheckMessage:
    """Check the free space where this host writes; that of other servers is not known here."""
    directories = [settings.VAR_DIR]
    if settings.EMBEDDED:
        directories.append(settings.VAR_DIR / "postgres")  # may be on another disk
    usages = {each: shutil.disk_usage(_existing(each)) for each in directories}
    fullest, usage = min(usages.items(), key=lambda each: each[1].free)
    found = f"{size(usage.free)} free for {fullest}"
    hint = "Without room PostgreSQL stops: delete something, or shorten the retention."
    if settings.EMBEDDED and usage.free < disk_guard.reserve_bytes(usage.total):
        return Error(f"{found}: no events are taken in", hint=hint)
    if usage.free < BAD_BYTES:
        return Error(found, hint=hint)
    return Warning(found, hint=hint) if usage.free < LOW_BYTES else Info(found)


@doctor.check("backup", 309, "machine")
def backup() -> CheckMessage:
    """Check the age of the newest backup, and that it lacks what must be forgotten."""
    pattern = settings.BACKUP_FILE
    if not pattern:
        return Info("BACKUP_FILE does not say where it is")
    files = [path for name in glob(pattern) if (path := Path(name)).is_file()]
    if not files:
        return Error(f"no file is {pattern}", hint="Nothing could be restored: see to the backup.")
    newest = max(files, key=lambda path: path.stat().st_mtime)
    status = newest.stat()
    age = timedelta(seconds=max(0, round(time.time() - status.st_mtime)))
    found = f"{newest} has {size(status.st_size)}, and is {humanize.naturaldelta(age)} old"
    if age > OLD_BACKUP or not status.st_size:
        return Error(found, hint="What came since would be lost: see to the backup.")
    with newest.open("rb") as file:
        if SALTS in file.read(BACKUP_HEAD_BYTES):
            hint = "With them addresses can be found out: dump with --exclude-table-data."
            return Warning(f"{found}, with the daily salts", hint=hint)
    return Info(found)


def _is_wide(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen < (WIDEST_V4 if network.version == 4 else WIDEST_V6)


def _existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())

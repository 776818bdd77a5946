"""Settings, the only reader of the environment; invalid values abort startup with a message."""

import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import dj_database_url
import psycopg
from django.conf import global_settings
from environs import Env, EnvError, validate
from psycopg.conninfo import conninfo_to_dict

from config import __version__
from config.api.addresses import parse_networks
from config.api.cors import parse_origins
from config.api.openapi.about import SPECTACULAR
from config.db import embedded_postgres, timeouts
from config.email_url import email_settings
from config.signing_keys import signing_keys

Value = TypeVar("Value")
BASE_DIR = Path(__file__).resolve().parent.parent

env = Env(eager=False)  # collects all errors, which seal() raises together
RATE = validate.Regexp(
    r"^[1-9][0-9]{0,8}/([1-9][0-9]{0,3})?[smhd]\Z", error="Must look like 60/m or 5/30s."
)
TEN_YEARS = 315_360_000  # seconds; dates beyond those of Python would fail only when one is made

DEBUG = env.bool("DEBUG", False)
var_dir = env.str("VAR_DIR", str(BASE_DIR / "var"), validate=validate.Length(min=1))
HOST = env.str("HOST", "127.0.0.1", validate=validate.Length(min=1))
PORT = env.int("PORT", 8000, validate=validate.Range(1, 65535))
WORKERS = env.int("WORKERS", 1, validate=validate.Range(1, 256))
DB_CONNECTIONS = env.int("DB_CONNECTIONS", 20, validate=validate.Range(1, 1000))
DATABASE_URL = env.str("DATABASE_URL", "")
ANALYTICS_DATABASE_URL = env.str("ANALYTICS_DATABASE_URL", "")
replica_url = env.str("ANALYTICS_REPLICA_URL", "")
LOG_FORMAT = env.str("LOG_FORMAT", "", validate=validate.OneOf(["", "json", "text"]))
LOG_LEVEL = env.str(
    "LOG_LEVEL",
    "INFO",
    validate=validate.OneOf(
        ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], error="Must be one of: {choices}."
    ),
)
REDIS_URL = env.str(
    "REDIS_URL",
    "",
    validate=validate.Regexp(
        r"\Z|unix://.|rediss?://(.*@)?([^:/]*|\[.*\])(:[0-9]{1,5})?(/[0-9]*)?(\?.*)?\Z",
        error="Must look like redis://host:6379/0.",
    ),
)
email_url = env.str("EMAIL_URL", "console:")
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "millrace@localhost", validate=validate.Email())
MAINTENANCE = env.str("MAINTENANCE", "daily", validate=validate.OneOf(["daily", "off"]))
secret_key = env.str("SECRET_KEY", "")
secret_key_fallbacks: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ADMIN_PASSWORD = env.str("ADMIN_PASSWORD", "")
ACTIVITY_EXCLUDE_PATHS: list[str] = env.list(
    "ACTIVITY_EXCLUDE_PATHS", ["/metrics", "/health", "/static/", "/admin/jsi18n"]
)
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
TRACKING_HMAC_SECRET = env.str("TRACKING_HMAC_SECRET", "")
BACKUP_FILE = env.str("BACKUP_FILE", "")
GEOIP_DATABASE = env.str("GEOIP_DATABASE", "")
API_DOCS = env.bool("API_DOCS", True)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
cors_allowed_origins: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
trusted_proxies: list[str] = env.list("TRUSTED_PROXIES", [])
CLIENT_ADDRESS_HEADER = env.str(
    "CLIENT_ADDRESS_HEADER",
    "X-Forwarded-For",
    validate=validate.Regexp(r"[A-Za-z0-9-]+\Z", error="Must be the name of a header."),
)
admin_allowed_ips: list[str] = env.list("ADMIN_ALLOWED_IPS", [])
REQUIRE_HTTPS = env.bool("REQUIRE_HTTPS", False)
HSTS_SECONDS = env.int("HSTS_SECONDS", 0, validate=validate.Range(0, TEN_YEARS))
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", 1_048_576, validate=validate.Range(min=1))
MAX_BATCH_BODY_BYTES = env.int("MAX_BATCH_BODY_BYTES", 4_194_304, validate=validate.Range(min=1))
REQUEST_TIMEOUT_SECONDS = env.float(
    "REQUEST_TIMEOUT_SECONDS", 10.0, validate=validate.Range(min=0.1, max=600)
)
MAX_CONNECTIONS_PER_ADDRESS = env.int(
    "MAX_CONNECTIONS_PER_ADDRESS", 512, validate=validate.Range(min=1)
)
WRITE_TIMEOUT_SECONDS = env.float(
    "WRITE_TIMEOUT_SECONDS", 5.0, validate=validate.Range(min=0.1, max=60)
)
SPOOL_BYTES = env.int("SPOOL_BYTES", 2**30, validate=validate.Range(min=0))
access_token_seconds = env.int("ACCESS_TOKEN_SECONDS", 3600, validate=validate.Range(1, TEN_YEARS))
refresh_token_seconds = env.int(
    "REFRESH_TOKEN_SECONDS", 604_800, validate=validate.Range(1, TEN_YEARS)
)
RATE_AUTH = env.str("RATE_AUTH", "10/m", validate=RATE)
LOGIN_FAILURES = env.str("LOGIN_FAILURES", "30/h", validate=RATE)
MAILED_LINKS = env.str("MAILED_LINKS", "5/h", validate=RATE)
RATE_TRACK = env.str("RATE_TRACK", "60/m", validate=RATE)
RATE_SESSION = env.str("RATE_SESSION", "10/m", validate=RATE)
RATE_PAGEVIEW = env.str("RATE_PAGEVIEW", "30/m", validate=RATE)
RATE_LEAVE = env.str("RATE_LEAVE", "10/m", validate=RATE)
RATE_HEARTBEAT = env.str("RATE_HEARTBEAT", "5/30s", validate=RATE)
RATE_COLLECT = env.str("RATE_COLLECT", "100/m", validate=RATE)
RATE_STATS = env.str("RATE_STATS", "120/m", validate=RATE)
QUOTA_WEBSITE_EVENTS = env.int("QUOTA_WEBSITE_EVENTS", 0, validate=validate.Range(min=0))
QUOTA_ACTIVITY_EVENTS = env.int("QUOTA_ACTIVITY_EVENTS", 0, validate=validate.Range(min=0))


def _abort(message: str) -> NoReturn:
    sys.exit(f"Settings: {message}")


try:
    env.seal()
except EnvError as error:
    errors: dict[str, list[str]] = getattr(error, "error_messages", {})
    _abort(" ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items()))


def _parsed(name: str, texts: list[str], parse: Callable[[list[str]], Value], kind: str) -> Value:
    try:
        return parse(texts)
    except ValueError as error:
        _abort(f"{name} must list {kind}: {error}.")


VAR_DIR = Path(var_dir).absolute()
NETWORKS = "addresses and networks"
ORIGINS = "origins like https://app.example, or *"
TRUSTED_PROXIES = _parsed("TRUSTED_PROXIES", trusted_proxies, parse_networks, NETWORKS)
ADMIN_ALLOWED_IPS = _parsed("ADMIN_ALLOWED_IPS", admin_allowed_ips, parse_networks, NETWORKS)
CORS_ALLOWED_ORIGINS = _parsed("CORS_ALLOWED_ORIGINS", cors_allowed_origins, parse_origins, ORIGINS)

if not all(path.startswith("/") for path in ACTIVITY_EXCLUDE_PATHS):
    _abort("ACTIVITY_EXCLUDE_PATHS must list paths, each from its first slash on.")

try:
    EMAIL_SETTINGS = email_settings(email_url)
except ValueError as error:
    _abort(f"EMAIL_URL must look like {error}.")
EMAIL_BACKEND = EMAIL_SETTINGS.backend
EMAIL_HOST, EMAIL_PORT = EMAIL_SETTINGS.host, EMAIL_SETTINGS.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL_SETTINGS.user, EMAIL_SETTINGS.password
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SETTINGS.use_tls, EMAIL_SETTINGS.use_ssl
EMAIL_TIMEOUT = 10

# First run: no database URL means an embedded PostgreSQL (config/db/embedded_postgres.py).
EMBEDDED = not DATABASE_URL and not ANALYTICS_DATABASE_URL
if bool(DATABASE_URL) != bool(ANALYTICS_DATABASE_URL):
    _abort("set both DATABASE_URL and ANALYTICS_DATABASE_URL, or neither.")
if EMBEDDED:
    DATABASE_URL = embedded_postgres.database_url(VAR_DIR, "millrace")
    ANALYTICS_DATABASE_URL = embedded_postgres.database_url(VAR_DIR, "millrace_analytics")


def _database(name: str, url: str) -> dict[str, Any]:
    try:
        parsed = dj_database_url.parse(url)
        # pg_dump is given the same URL, and would end the host name at another @.
        password = conninfo_to_dict(url).get("password", "")
    except (ValueError, psycopg.ProgrammingError):
        parsed = None
    if (
        not parsed
        or parsed["ENGINE"] != "django.db.backends.postgresql"
        or not parsed["NAME"]
        or parsed["PASSWORD"] != password
    ):
        _abort(
            f"{name} must look like postgresql://user:password@host:5432/name, with %40 for an @ "
            "in the password, and the like."
        )
    options = {
        "connect_timeout": 2,
        # A silent peer counts as a broken connection.
        "tcp_user_timeout": round(WRITE_TIMEOUT_SECONDS * 1000),
        # One that is alive says so before nobody waits any more.
        "options": timeouts.options(WRITE_TIMEOUT_SECONDS * 0.9),
        "application_name": "millrace",
        "server_side_binding": True,  # what PostgreSQL logs of a statement then has no values
    }
    return {
        **parsed,
        "ENGINE": "config.db.backend",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,  # so that the first query after a restart of PostgreSQL works
        "OPTIONS": options | parsed.get("OPTIONS", {}),
    }


DATABASES = {
    "default": _database("DATABASE_URL", DATABASE_URL),
    "analytics": _database("ANALYTICS_DATABASE_URL", ANALYTICS_DATABASE_URL),
}
# No alias of DATABASES: it is neither migrated nor checked for writes (config/db/replica.py).
ANALYTICS_REPLICA = _database("ANALYTICS_REPLICA_URL", replica_url) if replica_url else None
DATABASE_ROUTERS = ["config.db.routers.HomeRouter"]


SECRET_KEY_FILE = VAR_DIR / "secret_key"  # of a first run: `serve` writes it beside the data


def _first_run_secret_key() -> str:
    try:
        return SECRET_KEY_FILE.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return secrets.token_urlsafe(64)
    except OSError as error:
        _abort(f"{SECRET_KEY_FILE} cannot be read ({error.strerror}); set VAR_DIR.")


if EMBEDDED:
    secret_key = secret_key or _first_run_secret_key()
    ALLOWED_HOSTS = ALLOWED_HOSTS or list(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", HOST)))
if len(secret_key) < 50:
    _abort("SECRET_KEY must be set to at least 50 random characters.")
if any(len(each) < 50 for each in secret_key_fallbacks):
    _abort("SECRET_KEY_FALLBACKS must list earlier values of SECRET_KEY, comma separated.")
if not ALLOWED_HOSTS:
    _abort("ALLOWED_HOSTS must list the host names that this service answers to.")

ROOT_SECRET_KEY = secret_key
secret_keys = [secret_key, *secret_key_fallbacks]
SECRET_KEY, *SECRET_KEY_FALLBACKS = signing_keys("django", secret_keys)
TOKEN_KEYS = signing_keys("tokens", secret_keys)

INSTALLED_APPS = [
    "config",
    "websites",
    "analytics",
    "activity",
    "unfold",
    "unfold.contrib.filters",  # templates of filters
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",  # arrays
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # static files of /api/docs/
    "django_prometheus",
]
MIDDLEWARE = [
    "activity.middleware.record",  # outermost: it sees the final response
    "config.middleware.decoded_headers",
    "config.middleware.trusted_forwarding",  # before anything reads a header
    "config.middleware.request_id",
    "config.middleware.request_metrics",
    "config.middleware.content_policy",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.request_deadline",
    "config.middleware.complete_request",
    "config.middleware.allowed_origins",
    "config.middleware.allowed_host",
    "config.middleware.admin_allowlist",
    "config.middleware.encrypted_requests",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.page_middleware.SessionMiddleware",
    "config.page_middleware.CsrfViewMiddleware",
    "websites.middleware.AuthenticationMiddleware",
    "config.page_middleware.MessageMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True  # in the admin, which asks for it; without CommonMiddleware nothing else does
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "analytics.pages.access.context",
            ]
        },
    }
]

AUTH_USER_MODEL = "websites.User"
AUTHENTICATION_BACKENDS = ["websites.backends.AccountBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
SESSION_ENGINE = "websites.sessions"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["websites.hashers.PasswordHasher", *global_settings.PASSWORD_HASHERS[1:]]
PASSWORD_RESET_TIMEOUT = 3600
AUTH_PASSWORD_VALIDATORS = [  # for passwords set in the admin; the API states its own rules
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=access_token_seconds),
    "REFRESH_TOKEN_LIFETIME": timedelta(seconds=refresh_token_seconds),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": TOKEN_KEYS[0],
}
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": None,  # ApiView handles exceptions, in the dialect of each API
    "DEFAULT_SCHEMA_CLASS": "config.api.openapi.operations.AutoSchema",
}
SPECTACULAR_SETTINGS = SPECTACULAR

# For rate limits. Local memory serves one process; several need REDIS_URL (config.E001).
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "config.api.ratelimit_cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {
        "BACKEND": "config.api.ratelimit_cache.LocalCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # with the default of 300 counters would be evicted
    }
}
RATELIMIT_FAIL_OPEN = True  # limits protect the service and must not stop it

DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # for forms of the admin; APIs have MAX_BODY_BYTES
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not (EMBEDDED or DEBUG)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = HSTS_SECONDS  # sent only over HTTPS
# Only from TRUSTED_PROXIES: config.middleware.trusted_forwarding drops those of all others.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = True
SILENCED_SYSTEM_CHECKS = [
    "security.W003",  # Django's CSRF middleware is there, by the name of config.page_middleware
    "security.W004",  # HSTS binds browsers for a long time: off unless HSTS_SECONDS is set
    *("security.W005", "security.W021"),  # and never for other hosts of the domain
    "security.W008",  # REQUIRE_HTTPS redirects pages alone; the APIs never do
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # serves static files from the packages, without collectstatic

# With several workers, each writes its metrics here, and any of them serves those of all.
METRICS_DIR = VAR_DIR / "metrics"
PROMETHEUS_EXPORT_MIGRATIONS = False  # it would query at import: config/server/migration_metrics.py

LOG_FORMAT = LOG_FORMAT or ("text" if EMBEDDED or DEBUG else "json")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "config.server.logs.JsonFormatter"},
        "text": {"()": "config.server.logs.TextFormatter"},
    },
    "filters": {"crashes": {"()": "config.server.logs.CrashFilter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "level": LOG_LEVEL}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Requests that are refused are counted, not logged.
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.request": {"filters": ["crashes"]},
    },
}

UNFOLD = {
    "SITE_TITLE": "Millrace",
    "SITE_HEADER": "Millrace",
    "SITE_SUBHEADER": f"Version {__version__}",
    "SITE_SYMBOL": "water",
    "SITE_FAVICONS": [{"rel": "icon", "href": "/static/config/favicon.svg"}],
    "STYLES": ["/static/config/admin.css"],
    "SITE_URL": "/",
    "ENVIRONMENT": ["Debug", "warning"] if DEBUG else None,
    "DASHBOARD_CALLBACK": "analytics.admin.home.add_context",
    "SIDEBAR": {"navigation": "analytics.admin.navigation.groups"},
}

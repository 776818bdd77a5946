"""Invalid settings of the environment"""

import pytest

from tests.support.environment import settings_error


@pytest.mark.parametrize("text", ["https://app.example/", "app.example", "null", "https://a.b,x"])
def test_what_is_no_origin_is_named(text):
    said = settings_error(CORS_ALLOWED_ORIGINS=text)
    assert said == (
        "Settings: CORS_ALLOWED_ORIGINS must list origins like https://app.example, or *: "
        f"'{text.rpartition(',')[2]}' is not an origin."
    )


@pytest.mark.parametrize("level", ["loud", "debug", "", "10"])
def test_a_log_level_that_is_none_is_rejected_with_those_that_are(level):
    assert settings_error(LOG_LEVEL=level) == (
        "Settings: LOG_LEVEL: Must be one of: DEBUG, INFO, WARNING, ERROR, CRITICAL."
    )


def test_values_that_nothing_could_be_done_with_are_named():
    said = settings_error(
        VAR_DIR="",
        ACCESS_TOKEN_SECONDS="99999999999999999999",
        REFRESH_TOKEN_SECONDS="9999999999999",
        HSTS_SECONDS="9999999999999",
        SPOOL_BYTES="-1",
        QUOTA_WEBSITE_EVENTS="1e6",
        RATE_TRACK="60/99999999999999d",
        RATE_LEAVE="9999999999999/m",
        RATE_COLLECT="60/m\n",
        REDIS_URL="redis://host:port/0",
    )
    years = "Must be greater than or equal to {} and less than or equal to 315360000."
    rate = "Must look like 60/m or 5/30s."
    assert said == (
        "Settings: VAR_DIR: Shorter than minimum length 1. "
        "REDIS_URL: Must look like redis://host:6379/0. "
        f"HSTS_SECONDS: {years.format(0)} "
        "SPOOL_BYTES: Must be greater than or equal to 0. "
        f"ACCESS_TOKEN_SECONDS: {years.format(1)} REFRESH_TOKEN_SECONDS: {years.format(1)} "
        f"RATE_TRACK: {rate} RATE_LEAVE: {rate} RATE_COLLECT: {rate} "
        "QUOTA_WEBSITE_EVENTS: Not a valid integer."
    )


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://h/0",
        "rediss://u:p%40@h:1/",
        "redis://[::1]:6379/1?x=1",
        "unix:///s?db=1",
    ],
)
def test_addresses_of_redis_are_taken(url):
    said = settings_error(REDIS_URL=url, SPOOL_BYTES="-1")
    assert said == "Settings: SPOOL_BYTES: Must be greater than or equal to 0."


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:p@w@h/d", "postgresql://u:p%w@h/d", "postgresql://h", "mysql://h/d", "d"],
)
def test_a_database_is_named_as_programs_of_postgresql_read_it(url):
    said = settings_error(DATABASE_URL=url, ANALYTICS_DATABASE_URL="postgresql://u:p%40w@h/d")
    assert said == (
        "Settings: DATABASE_URL must look like postgresql://user:password@host:5432/name, with "
        "%40 for an @ in the password, and the like."
    )

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

"""The statistics API."""

from typing import Any

urlpatterns: list[Any] = []

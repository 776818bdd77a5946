"""The models of all streams, where Django looks for them; each stream's stand in its folder."""

from importlib import import_module

from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from config.api.registry import STREAM_PACKAGES

__all__ = ["MaintenanceFailure", "MaintenanceRun"]

for package in STREAM_PACKAGES:
    import_module(f"{package}.models")

"""The models of all streams, where Django looks for them; each stream's stand in its folder."""

from importlib import import_module

from analytics.ingest.spool.rejected import RejectedRow
from analytics.streams.maintenance import MaintenanceFailure, MaintenanceRun
from analytics.streams.retention_limits import AppliedRetention
from config.api.registry import STREAM_PACKAGES

__all__ = ["AppliedRetention", "MaintenanceFailure", "MaintenanceRun", "RejectedRow"]

for package in STREAM_PACKAGES:
    import_module(f"{package}.models")

"""Admin pages: what streams share, home and websites; each stream's own stand in its folder."""

from importlib import import_module

from analytics.admin import websites
from analytics.ingest.spool import admin as rejected_rows
from config.api.registry import STREAM_PACKAGES

__all__ = ["rejected_rows", "websites"]

for package in STREAM_PACKAGES:
    import_module(f"{package}.admin")

"""Admin pages: what streams share, home and websites; each stream's own stand in its folder."""

from importlib import import_module

from analytics.admin import websites
from config.api.registry import STREAM_PACKAGES

__all__ = ["websites"]

for package in STREAM_PACKAGES:
    import_module(f"{package}.admin")

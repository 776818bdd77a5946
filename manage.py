#!/usr/bin/env python
"""Run Millrace's commands."""

import os
import sys

from config import commands


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    commands.run(sys.argv)


if __name__ == "__main__":
    main()

"""`python -m tests.traffic`: synthetic traffic to develop and to measure with."""

import os
import sys

import django
from django.db import OperationalError


def main() -> None:
    """Run the command with the arguments of the process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.traffic.command import Command  # its models need the apps

    try:
        Command().run_from_argv(["python -m", "tests.traffic", *sys.argv[1:]])
    except OperationalError as error:
        sys.exit(f"A database does not answer; is the server running? {error}")


if __name__ == "__main__":
    main()

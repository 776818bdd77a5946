#!/bin/sh
# Run manage.py with the settings and as the user of the service, from anywhere, as root:
# sh config/deploy/manage.sh doctor
set -eu
cd "$(dirname "$0")/../.."
set -a
. /etc/millrace/environment
exec runuser --user millrace -- .venv/bin/python -B manage.py "$@"

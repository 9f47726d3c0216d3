"""Validate deploy/systemd, container and monitoring with the programs that read the files."""

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.support.ports import free_port, wait_until_listening

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy" / "systemd"
CONTAINER = ROOT / "deploy" / "container"
MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana" / "streamer.json").read_text())
BIN = Path(sys.executable).parent

EXPOSURE = 1.6
"""Highest exposure level allowed by `systemd-analyze security`."""


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path):
    """Copy of the unit whose executable exists on this machine."""
    text = (SYSTEMD / "streamer.service").read_text()
    file = tmp_path / "streamer.service"
    file.write_text(text.replace("/opt/streamer/current/bin/streamer", "/bin/true"))
    return file


@pytest.mark.peer
def test_the_unit_passes_systemd_analyze(unit):
    assert call("systemd-analyze", "verify", unit) == (0, "")


@pytest.mark.peer
def test_the_unit_with_the_password_drop_in_passes_systemd_analyze(unit):
    folder = unit.with_suffix(".service.d")
    folder.mkdir()
    shutil.copy(SYSTEMD / "password.conf", folder)
    assert call("systemd-analyze", "verify", unit) == (0, "")


@pytest.mark.peer
def test_the_unit_has_a_low_exposure(unit):
    threshold = f"--threshold={round(EXPOSURE * 10)}"
    code, output = call("systemd-analyze", "security", "--offline=true", threshold, unit)
    assert code == 0, output.splitlines()[-1]


def test_the_unit_allows_writable_executable_memory_for_numba():
    text = (SYSTEMD / "streamer.service").read_text()
    keys = re.findall(r"^(\w+)=", text, re.MULTILINE)
    assert "MemoryDenyWriteExecute" not in keys
    assert {"NoNewPrivileges", "ProtectSystem", "WatchdogSec", "MemoryMax"} <= set(keys)


def test_the_service_user_is_created_and_the_installer_passes_shellcheck(tmp_path):
    users = (SYSTEMD / "streamer.sysusers").read_text()
    assert re.search(r"^m streamer audio$", users, re.MULTILINE)
    for script in (SYSTEMD / "install", CONTAINER / "try"):
        assert os.access(script, os.X_OK)
        assert call("sh", "-n", script) == (0, "")
    if shutil.which("systemd-sysusers"):
        command = ("systemd-sysusers", "--dry-run", SYSTEMD / "streamer.sysusers")
        assert call(*command, f"--root={tmp_path}")[0] == 0


def test_the_dockerfile_passes_hadolint():
    assert call(BIN / "hadolint", CONTAINER / "Dockerfile") == (0, "")


def test_the_dockerfile_copies_existing_files_and_installs_pinned_versions():
    text = (CONTAINER / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}\n" in (CONTAINER / "Dockerfile.dockerignore").read_text()
    assert "--constraint constraints.txt" in text
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)


def test_the_compose_files_follow_the_specification():
    files = sorted(CONTAINER.glob("compose*.yaml"))
    assert len(files) == 2
    checker = BIN / "check-jsonschema"
    code, output = call(checker, "--builtin-schema", "vendor.compose-spec", *files)
    assert code == 0, output


def test_every_service_is_sandboxed_and_listens_on_loopback():
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    assert set(compose["services"]) == {"mosquitto", "streamer", "prometheus", "grafana"}
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        for port in service.get("ports", ()):
            assert port.startswith(("127.0.0.1:", "${MQTT_LISTEN:-127.0.0.1}:")), port
        if "build" not in service:
            assert not service["image"].endswith(":latest")
            assert ":" in service["image"]
        for volume in service["volumes"]:
            if volume.startswith("."):
                assert (CONTAINER / volume.split(":")[0]).exists(), volume


def test_passwords_are_created_once_in_the_format_of_mosquitto(tmp_path):
    folder = tmp_path / "secrets"
    assert call(CONTAINER / "passwords", folder)[0] == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    password = (folder / "mqtt-password").read_text().strip()
    lines = (folder / "mosquitto-passwords").read_text().splitlines()
    users = dict(line.split(":") for line in lines)
    _, algorithm, rounds, salt, key = users["streamer"].split("$")
    found = hashlib.pbkdf2_hmac(
        "sha512", password.encode(), base64.b64decode(salt), int(rounds), dklen=64
    )
    assert (algorithm, base64.b64encode(found).decode()) == ("7", key)
    before = (folder / "mqtt-password").read_text()
    assert call(CONTAINER / "passwords", folder)[0] == 1
    assert (folder / "mqtt-password").read_text() == before


@pytest.mark.peer
def test_the_broker_enforces_passwords_and_access_rules(tmp_path):
    call(CONTAINER / "passwords", tmp_path / "secrets")
    port = free_port()
    text = (CONTAINER / "mosquitto.conf").read_text()
    for name, replacement in {
        "listener 1883": f"listener {port} 127.0.0.1",
        "/run/secrets": f"{tmp_path}/secrets",
        "/mosquitto/config/acl": f"{tmp_path}/acl",
        "/mosquitto/data/": f"{tmp_path}/",
    }.items():
        assert name in text
        text = text.replace(name, replacement)
    (tmp_path / "mosquitto.conf").write_text(text + "user root\n")
    (tmp_path / "acl").write_text((CONTAINER / "mosquitto.acl").read_text())
    mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    broker = subprocess.Popen(
        [mosquitto, "-c", tmp_path / "mosquitto.conf"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_listening(broker, port)

        def is_delivered(user, topic, reader_user):
            """Return whether a message that one user publishes reaches another."""
            secret = {"streamer": "mqtt-password", "stage": "stage-password"}
            passwords = {
                name: (tmp_path / "secrets" / file).read_text().strip()
                for name, file in secret.items()
            }
            target = ("-p", port, "-t", topic)
            with subprocess.Popen(
                [
                    str(part)
                    for part in (
                        "mosquitto_sub",
                        *target,
                        "-u",
                        reader_user,
                        "-P",
                        passwords[reader_user],
                        "-W",
                        2,
                        "-C",
                        1,
                    )
                ],
                stdout=subprocess.PIPE,
            ) as reader:
                time.sleep(0.7)
                call("mosquitto_pub", *target, "-u", user, "-P", passwords[user], "-m", "well")
                return reader.communicate()[0] == b"well\n"

        assert call("mosquitto_pub", "-p", port, "-t", "streamer/a", "-m", "x")[0] != 0
        assert is_delivered("streamer", "streamer/hall/main/va", "stage")
        assert is_delivered("stage", "streamer/hall/main/cmd/freeze", "streamer")
        assert not is_delivered("stage", "streamer/hall/main/va", "streamer")
    finally:
        broker.terminate()
        broker.wait(5)


@pytest.mark.peer
def test_promtool_accepts_the_rules_and_every_alert_fires():
    for check in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ):
        code, output = call("promtool", *check, cwd=MONITORING)
        assert code == 0, output
    assert "streamer:9464" in (CONTAINER / "targets.yml").read_text()


def queries():
    """Yield the panel and expression of each dashboard query, variables substituted."""
    variables = {"$instance": ".*", "$zone": ".*", "$__rate_interval": "30s"}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in variables.items():
                query = query.replace(name, value)
            yield panel["title"], query


def selectors():
    """Yield each alert with a series selector of its expression."""
    for rule in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]:
        for found in re.findall(r"\b(?:streamer_|process_|up\b)\w*(?:\{[^}]*\})?", rule["expr"]):
            yield (
                rule["alert"],
                found.replace('state="degraded"', 'state="ok"').replace(
                    "restarting|stopped", "restarting|stopped|ok"
                ),
            )


def test_the_dashboard_can_be_provisioned():
    assert DASHBOARD["uid"] == "streamer"
    assert "id" not in DASHBOARD
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == [
        "datasource", "instance", "zone",
    ]  # fmt: skip
    occupied = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & occupied, panel["title"]
        assert max(x for x, _ in cells) < 24
        occupied |= cells
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Prometheus that scrapes a recording run; return a function that queries it."""
    folder = tmp_path_factory.mktemp("prometheus")
    broker, scraped, port = free_port(), free_port(), free_port()
    for name in ("prometheus.yml", "alerts.yml"):
        text = (MONITORING / name).read_text().replace("_interval: 10s", "_interval: 1s")
        (folder / name).write_text(text.replace("scrape_timeout: 5s", "scrape_timeout: 1s"))
    (folder / "targets.yml").write_text(f'- targets: ["127.0.0.1:{scraped}"]\n')
    (folder / "config.toml").write_text(f"[mqtt]\nport = {broker}\n")
    clean = {name: value for name, value in os.environ.items() if "STREAMER" not in name}
    clean |= {"XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    options = ("--input", "demo", "--broker", "embedded", "--record", "recordings", "--no-view")
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "log.txt").open("wb"))

        def start(*command):
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            return process

        start(BIN / "streamer", "run", *options, "--metrics", f"127.0.0.1:{scraped}")
        server = start(
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        wait_until_listening(server, port)

        def query_api(path, **parameters):
            query = urllib.parse.urlencode(parameters)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{query}") as output:
                return json.load(output)["data"]

        def is_ready():
            wanted = (
                "rate(streamer_estimates_total[10s]) > 1 and on (zone) streamer_warm_ratio == 1"
            )
            with contextlib.suppress(urllib.error.HTTPError):  # not ready yet
                return query_api("query", query=wanted)["result"]

        end = time.monotonic() + 60
        while not is_ready():
            assert time.monotonic() < end, (folder / "log.txt").read_text()
            time.sleep(0.5)
        yield query_api


@pytest.mark.peer
def test_every_query_of_the_dashboard_returns_data(prometheus):
    found = {
        (title, query): len(prometheus("query", query=query)["result"])
        for title, query in queries()
    }
    assert len(found) >= 20
    assert [each for each, count in found.items() if count == 0] == []


@pytest.mark.peer
def test_every_alert_uses_exported_metrics_and_none_fires_in_a_healthy_run(prometheus):
    seen = list(selectors())
    assert {alert for alert, _ in seen} >= {"StreamerOffline", "StreamerMemoryGrows"}
    empty = [each for each in seen if not prometheus("query", query=each[1])["result"]]
    assert empty == []
    [group] = prometheus("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []

"""Metrics: their values, and that slow or hostile clients do not delay the run."""

import asyncio
import contextlib
import logging
import socket
import time
import urllib.request
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer import limits
from streamer.config.listen import ListenAddress, parse_listen_address
from streamer.mqtt import BrokerStatus, Cleaned, Delays, Drops, Health, Latency, Recording, Remote
from streamer.outputs.metrics import Metrics
from streamer.outputs.metrics.collector import RunCollector
from streamer.outputs.metrics.exporter import Response, serve_http
from streamer.tracking import Affect, Update
from streamer.tracking.rate_control import RateController
from streamer.tracking.zone_status import ZoneStatus

HERE = Affect(0.1, -0.2, 0.3, 0.4)
ADDRESS = "https://user:hunter2@radio.example/key-hunter2/live.mp3?token=hunter2"


def health(**changes):
    values = {
        "ts": 1,
        "state": "degraded",
        "reason": "hunter2",
        "source": ADDRESS,
        "engine": "ONNX Runtime",
        "uptime_s": 5,
        "estimates": 40,
        "drops": Drops(capture=1, inference=2, publish=3),
        "gaps": 4,
        "restarts": 5,
        "cleaned": Cleaned(nan=6, clipped=7),
        "reconnects": 8,
        "rate_hz": 10,
        "drift_ppm": 20,
        "latency_ms": Latency(p50=10, p99=20, max=30),
        "delays": Delays(resampler_ms=4, smoother_ms=250),
        "gain_db": -3,
        "recording": Recording(recorded=9, dropped=10, trouble="the disk is full"),
        "remote": Remote(
            answered=11, late=12, failed=13, local=14, latency_ms=Latency(p50=5, p99=9, max=9)
        ),
        "versions": {"streamer": "0.1.0", "model": "damer"},
    }
    return Health(**{**values, **changes})


def run_status(**zones):
    """Return a run with zones of the given health."""
    last = Update(20, 2.0, time.monotonic() - 0.5, HERE, HERE, silence=True, warm=0.5, level=-70.0)
    trackers = {
        zone: SimpleNamespace(
            id=zone,
            input=ADDRESS,
            rate_controller=RateController(10.0),
            status=ZoneStatus(
                last_update=last if each.estimates else None, last_audio=time.monotonic() - 0.25
            ),
        )
        for zone, each in zones.items()
    }
    return SimpleNamespace(
        trackers=trackers,
        health=lambda: zones,
        broker=BrokerStatus("mqtt://localhost:1883", connected=True, reconnects=8),
        engine=SimpleNamespace(last_error=""),
        stall="",
    )


def numbers(text):
    """Return each series and its value, and the families."""
    families = list(text_string_to_metric_families(text))
    series = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    return families, series


@contextlib.asynccontextmanager
async def served(run=None, *, started=True, **zones):
    """Serve the metrics of a run, or of a run of these zones."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = Metrics(f"127.0.0.1:{port}", run or run_status(**zones))
    await metrics.open()
    try:
        if started:
            await metrics.run()
        yield metrics, port
    finally:
        await metrics.close()


async def request(port, text="GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError):
        writer.write(text if isinstance(text, bytes) else text.encode())
        await writer.drain()
    answer = b""
    with contextlib.suppress(OSError):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    return head.partition("\r\n")[0], body


async def test_prometheus_reads_the_values_of_a_run():
    async with served(main=health()) as (metrics, port):
        update = Update(0, 0, time.monotonic() - 0.04, HERE, HERE, False, 1.0, -20.0)
        metrics.offer_update("main", update)
        status, body = await request(port)
    assert status == "HTTP/1.0 200 OK"
    _, series = numbers(body)
    zone = ("zone", "main")

    def near(value):
        return pytest.approx(value, rel=1e-6)

    assert series["streamer_estimates_total", zone] == 40
    assert series["streamer_drops_total", ("place", "inference"), zone] == 2
    assert series["streamer_cleaned_samples_total", ("kind", "clipped"), zone] == 7
    assert series["streamer_gaps_total", zone] == 4
    assert series["streamer_restarts_total", zone] == 5
    assert series["streamer_drift_ratio", zone] == near(20e-6)
    assert series["streamer_publish_latency_seconds", ("quantile", "0.99"), zone] == near(0.02)
    assert series["streamer_delay_seconds", ("stage", "smoother"), zone] == near(0.25)
    assert series["streamer_gain_decibels", zone] == -3
    assert series["streamer_zone_state", ("state", "degraded"), zone] == 1
    assert series["streamer_zone_state", ("state", "ok"), zone] == 0
    assert series["streamer_valence", zone] == near(0.1)
    assert series["streamer_arousal", zone] == near(-0.2)
    assert series["streamer_silence", zone] == 1
    assert series["streamer_last_estimate_age_seconds", zone] == pytest.approx(0.5, abs=1)
    assert series["streamer_reconnects_total",] == 8
    assert series["streamer_broker_connected",] == 1
    assert series["streamer_recording",] == 0
    assert series["streamer_recording_dropped_total",] == 10
    for outcome, count in (("answered", 11), ("late", 12), ("failed", 13), ("local", 14)):
        assert series["streamer_remote_questions_total", ("outcome", outcome)] == count
    assert series["streamer_remote_latency_seconds", ("quantile", "0.99")] == near(0.009)
    assert series["streamer_estimate_latency_seconds_count", zone] == 1
    assert series["streamer_estimate_latency_seconds_bucket", ("le", "0.03"), zone] == 0
    assert series["streamer_build_info", ("model", "damer"), *list_of_build(series)] == 1
    assert series["process_resident_memory_bytes",] > 1e6
    assert series["streamer_process_threads",] >= 1


def list_of_build(series):
    (name,) = (key for key in series if key[0] == "streamer_build_info")
    return [label for label in name[1:] if label[0] != "model"]


async def test_names_have_base_units_and_every_metric_has_help():
    async with served(main=health(), bar=health(estimates=0)) as (_, port):
        families, series = numbers((await request(port))[1])
    for family in families:
        assert family.documentation, family.name
        assert not family.name.endswith(("_ms", "_mb", "_percent", "_ppm", "_hz")), family.name
    assert len({family.name for family in families}) == len(families)
    assert series["streamer_estimates_total", ("zone", "bar")] == 0
    assert ("streamer_valence", ("zone", "bar")) not in series


async def test_no_address_and_no_reason_is_exposed():
    async with served(main=health()) as (_, port):
        _, body = await request(port)
    assert "hunter2" not in body
    assert 'input="stream"' in body


def test_a_new_numeric_health_field_becomes_a_metric():
    class Grown(Health):
        engine_swaps: int = 3
        queue_ms: float = 250.0

    values = Grown(**health().model_dump())
    collector = RunCollector(run_status(main=values))
    families = {each.name: each for each in collector.collect()}
    assert [sample.value for sample in families["streamer_gaps"].samples] == [4]
    assert [sample.name for sample in families["streamer_engine_swaps"].samples] == [
        "streamer_engine_swaps_total"
    ]
    assert families["streamer_queue_seconds"].samples[0].value == 0.25


async def test_healthz_reports_a_stall():
    run = run_status(main=health())
    async with served(run, started=False) as (metrics, port):
        assert (await request(port, "GET /healthz HTTP/1.0\r\n\r\n"))[0].split()[1] == "503"
        assert (await request(port))[0].split()[1] == "503"
        await metrics.run()
        assert await request(port, "GET /healthz HTTP/1.0\r\n\r\n") == ("HTTP/1.0 200 OK", "ok\n")
        run.stall = "zone main has audio but no estimate for 30 s"
        status, body = await request(port, "GET /healthz HTTP/1.0\r\n\r\n")
        assert status.split()[1] == "503"
        assert "no estimate" in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /metrics?x=1 HTTP/1.1\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /../../etc/passwd HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET /metrics\r\n\r\n", "400"),
        ("\r\n\r\n", "400"),
        (b"\xff\x00\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\nX: " + 20_000 * "x" + "\r\n\r\n", "431"),
        ("GET /metrics HTTP/1.1\r\n", ""),  # never ends
    ],
)
async def test_every_request_is_answered_or_closed(monkeypatch, request_, status):
    monkeypatch.setattr("streamer.limits.METRICS_REQUEST_TIMEOUT_S", 0.3)
    async with served(main=health()) as (_, port):
        answer = (await asyncio.wait_for(request(port, request_), 5))[0]
        assert answer[9:12] in (status, "")  # a large request may be cut off before its answer
        assert (await request(port))[0] == "HTTP/1.0 200 OK"


async def test_slow_clients_are_disconnected_and_do_not_block_the_loop(monkeypatch):
    monkeypatch.setattr("streamer.limits.METRICS_REQUEST_TIMEOUT_S", 1.0)
    # Clients and server share a loop: if one blocked it, the test would not end.
    large = Response(body=b"x" * 8_000_000)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serve_http(ListenAddress("127.0.0.1", port), lambda _: large):
        connections = [
            await asyncio.open_connection("127.0.0.1", port)
            for _ in range(limits.METRICS_CONNECTIONS)
        ]
        for _, writer in connections[::2]:
            writer.write(b"GET / HTTP/1.0\r\n\r\n")  # without reading the answer
        await asyncio.sleep(0.3)
        assert await request(port) == ("", "")  # all connections are in use
        await asyncio.sleep(1.2)
        assert (await request(port))[0] == "HTTP/1.0 200 OK"  # connections are free again
        for _, writer in connections:
            writer.transport.abort()


async def test_many_requests_collect_at_most_once_a_second():
    collected = 0
    run = run_status(main=health())

    def collect():
        nonlocal collected
        collected += 1
        return {"main": health()}

    run.health = collect
    async with served(run) as (_, port):
        start = time.monotonic()
        for _ in range(100):
            await request(port)
        duration = time.monotonic() - start
    assert collected <= duration + 1


async def test_only_other_addresses_than_loopback_are_warned_about(caplog):
    caplog.set_level(logging.INFO)
    async with served():
        assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert not parse_listen_address("0.0.0.0:9464").is_loopback
    assert not parse_listen_address("metrics.example:9464").is_loopback
    assert parse_listen_address("[::1]:9464") == ListenAddress("::1", 9464)
    assert parse_listen_address("localhost:9464").is_loopback


@pytest.mark.parametrize("text", ["9464", "here", "here:", ":1", "a:0", "a:99999", "a:1/", "u@a:1"])
def test_an_invalid_address_is_reported_with_an_example(program, text):
    answer = program("run", "--input", "demo", "--metrics", text)
    assert answer.code == 2
    assert "127.0.0.1:9464" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_port_in_use_is_reported_on_one_line(program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = program("run", "--input", "demo", "--metrics", f"127.0.0.1:{port}")
    assert answer.code == 1
    assert answer.err.strip().endswith("give another: --metrics HOST:PORT")
    assert f"127.0.0.1:{port}: address already in use" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_missing_package_is_reported_with_the_extra_to_install(program, away, monkeypatch):
    (away / "sitecustomize.py").write_text("import sys\nsys.modules['prometheus_client'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(away))
    answer = program("run", "--input", "demo", "--metrics", "127.0.0.1:9464")
    assert answer.code == 2
    assert "[metrics]" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_urllib_can_read_it(program):
    """A strict HTTP client accepts the response."""

    async def read():
        async with served(main=health()) as (_, port):
            url = f"http://127.0.0.1:{port}/metrics"
            return await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())

    assert b"streamer_valence" in asyncio.run(read())

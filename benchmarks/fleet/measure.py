"""Measure a fleet of one size, and a reconnect storm after a broker failure."""

import gc
import resource
import time
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.figures import percentiles
from benchmarks.fleet.broker import busy_seconds, own_cpu_seconds, reserved_core, running
from benchmarks.fleet.loop import Loop
from benchmarks.fleet.venues import DESKS, TICK, Fleet

LATE_MS = 20.0
"""Largest 99th percentile of tick lateness at which the generator keeps pace, ms."""
SLOW_MS = 1e3 * TICK
"""Largest 99th percentile of latency at which the broker keeps pace, ms: one tick."""
FULL_PERCENT = 97.0
"""CPU load of its core at which the broker counts as saturated, percent."""
_FILES_APART = 400  # file descriptors reserved for other uses


def measure_fleet(
    count: int, seconds: float, *, readers: int = 1, settling: float = 3.0
) -> dict[str, Any]:
    """Run nodes, desks and a monitor of two consumers against a new broker.

    Parameters
    ----------
    count
        Number of nodes.
    seconds
        Duration of the measurement.
    readers
        Number of desks per node.
    settling
        Seconds of load before the measurement.

    Returns
    -------
    dict
        `nodes`, `readers`, `seconds`; `published_per_s` by the nodes and `delivered_per_s` to desks
        and monitor, messages of all kinds; `latency_ms` of estimates and `state_latency_ms`;
        `sent`, `lost` and `disordered` estimates; `shared`: state, health and status messages sent,
        lost, received twice, and how many each consumer got; `broker_percent` of a core,
        `broker_kb`; `others_percent`, load of other processes in percent of a core; `generator`:
        percent of a core, lateness of its ticks in ms, and skipped ticks; `limit`: `generator`,
        `broker`, or empty if both kept pace.
    """
    with reserved_core() as core, running(core) as broker:
        loop = Loop()
        fleet = Fleet(loop, broker.port, count, readers=readers)
        try:
            fleet.connect_all()
            fleet.run(settling)
            gc.collect()
            gc.disable()  # a full collection would delay ticks
            fleet.restart_schedule()
            fleet.start_measurement()
            started, at_ms = time.monotonic(), time.time() * 1e3
            broker_cpu, own_cpu, busy = broker.cpu_seconds(), own_cpu_seconds(), busy_seconds()
            published, delivered = fleet.sent.publishes, fleet.delivered
            fleet.run(seconds)
            lasted = time.monotonic() - started
            broker_cpu, own_cpu = broker.cpu_seconds() - broker_cpu, own_cpu_seconds() - own_cpu
            others = max(0.0, busy_seconds() - busy - broker_cpu - own_cpu)
            published, delivered = fleet.sent.publishes - published, fleet.delivered - delivered
            memory = broker.resident_kb()
            fleet.drain()
        finally:
            gc.enable()
            fleet.close()
            loop.close()
    found = {
        "nodes": count,
        "readers": readers,
        "seconds": lasted,
        "published_per_s": published / lasted,
        "delivered_per_s": delivered / lasted,
        "latency_ms": percentiles(np.array(fleet.latencies)) if fleet.latencies else None,
        "state_latency_ms": _percentiles(
            [latency for ts, latency in fleet.state_latencies if ts >= at_ms]
        ),
        "sent": fleet.sent.estimates,
        "lost": readers * fleet.sent.estimates - sum(desk.measured for desk in fleet.desks),
        "disordered": sum(desk.disordered for desk in fleet.desks),
        "shared": shared(fleet),
        "broker_percent": 100 * broker_cpu / lasted,
        "broker_kb": memory,
        "others_percent": 100 * others / lasted,
        "generator": {
            "percent": 100 * own_cpu / lasted,
            "late_ms": percentiles(1e3 * np.array(fleet.lateness)),
            "left_out": fleet.skipped + fleet.sent.dropped,
        },
    }
    return {**found, "limit": limit(found)}


def shared(fleet: Fleet) -> dict[str, Any]:
    """Count messages that were lost or received twice by the monitor's consumers together."""
    sent = Counter([*fleet.sent.slow, *(("online", node.name, 0) for node in fleet.nodes)])
    return {
        "sent": sent.total(),
        "lost": (sent - fleet.seen).total(),
        "twice": (fleet.seen - sent).total(),
        "by_consumer": [consumer.messages for consumer in fleet.consumers],
    }


def limit(found: dict[str, Any]) -> str:
    """Return the bottleneck: `generator`, `broker`, or empty if both kept pace."""
    own = found["generator"]
    if own["late_ms"]["p99"] > LATE_MS or own["left_out"]:
        return "generator"
    slow = found["latency_ms"] is None or found["latency_ms"]["p99"] > SLOW_MS
    lost = found["lost"] or found["shared"]["lost"]
    return "broker" if slow or lost or found["broker_percent"] > FULL_PERCENT else ""


def max_nodes() -> int:
    """Return the largest number of nodes within the limit of open files."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - DESKS - _FILES_APART


def measure_storm(
    count: int, outage: float, settling: float = 3.0, timeout: float = 120.0
) -> dict[str, Any]:
    """Kill the broker under `count` nodes, restart it, and wait until all are online.

    Returns
    -------
    dict
        `nodes`; `outage` in seconds; `online_seconds` after the restart: p50, p99 and max; `tries`
        per node; `broker_ms`, its CPU time per node until then, including messages of nodes
        already online; `others_percent` of a core; `late_ms` of the generator's ticks meanwhile.
    """
    with reserved_core() as core, running(core) as broker:
        loop = Loop()
        fleet = Fleet(loop, broker.port, count, readers=0, monitored=False)
        try:
            fleet.connect_all()
            fleet.run(settling)
            tries = sum(node.tries for node in fleet.nodes)
            broker.kill()
            fleet.run(outage)
            broker.start()
            fleet.restart_schedule()
            started, used = time.monotonic(), broker.cpu_seconds()
            own_cpu, busy = own_cpu_seconds(), busy_seconds()
            while fleet.online < count:
                if time.monotonic() - started > timeout:
                    raise TimeoutError(f"{fleet.online} of {count} nodes in {timeout:.0f} s")
                fleet.run(0.05)
            lasted = time.monotonic() - started
            used, own_cpu = broker.cpu_seconds() - used, own_cpu_seconds() - own_cpu
            others = max(0.0, busy_seconds() - busy - used - own_cpu)
            since = [node.online_at - started for node in fleet.nodes if node.online_at is not None]
            tries = sum(node.tries for node in fleet.nodes) - tries
        finally:
            fleet.close()
            loop.close()
    return {
        "nodes": count,
        "outage": outage,
        "online_seconds": {**percentiles(since), "max": max(since)},
        "tries": tries / count,
        "broker_ms": 1e3 * used / count,
        "others_percent": 100 * others / lasted,
        "late_ms": percentiles(1e3 * np.array(fleet.lateness)),
    }


def _percentiles(values: list[float]) -> dict[str, float] | None:
    return percentiles(values) if values else None

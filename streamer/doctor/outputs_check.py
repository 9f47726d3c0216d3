"""Check calibrations, lights, recording, dashboard, and the cache of compiled code."""

import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import damer.views
from damer.views import FrontEndSpec
from streamer.config import Config
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError
from streamer.mqtt import default_node
from streamer.tracking.calibration import CalibrationStore, default_calibration_path


def check_outputs(config: Config) -> Iterator[Finding]:
    """Yield findings on calibrations, lights and recording, as far as they are configured."""
    yield from _check_calibrations(config)
    if config.lights.show is not None:
        yield _check_show(config)
    if config.record.folder is not None:
        yield _check_recording(config)


def _check_calibrations(config: Config) -> Iterator[Finding]:
    store = CalibrationStore(config.tracking.calibration or default_calibration_path(os.environ))
    for zone in config.zones:
        try:
            found = store.get(zone)
        except StreamerError as error:
            yield Finding.from_error("calibration", error)
            return
        if found is not None and found.is_valid_for(zone):
            yield Finding("calibration", "ok", f"{zone.id}: {found}")
        elif found is not None:
            measured = " ".join(filter(None, (found.input, found.device)))
            yield Finding(
                "calibration",
                "warn",
                f"{zone.id}: not used, because it was measured at another input ({measured})",
                f"streamer calibrate --zone {zone.id}",
            )


def _check_show(config: Config) -> Finding:
    show = config.lights.show
    assert show is not None  # noqa: S101 - configured
    try:
        from streamer.outputs.lights import LiveShow

        zones = [zone.id for zone in config.zones]
        live = LiveShow(show, node=config.mqtt.node or default_node(), zones=zones)
    except StreamerError as error:
        return Finding.from_error("lights", error)
    return Finding("lights", "ok", f"{show}: {live.summary}")


def _check_recording(config: Config) -> Finding:
    folder = config.record.folder
    assert folder is not None  # noqa: S101 - configured
    from streamer.helpers import require_package
    from streamer.outputs.recording.disk_quota import GIGABYTE, free_space

    try:
        require_package("pyarrow.parquet", extra="record")
    except StreamerError as error:
        return Finding.from_error("recording", error)
    existing = next(
        each for each in (folder.absolute(), *folder.absolute().parents) if each.exists()
    )
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        seen = f"cannot write {folder}"
        return Finding("recording", "fail", seen, "choose another folder in [record]")
    free = free_space(existing) / GIGABYTE
    if free < config.record.free_gb:
        return Finding(
            "recording",
            "warn",
            f"recording will pause: only {free:.1f} GB are free for {folder}",
            "free disk space, or lower free_gb in [record]",
        )
    return Finding("recording", "ok", f"in {folder}, {free:.1f} GB are free")


async def check_dashboard(config: Config) -> AsyncIterator[Finding]:
    """Start the dashboard and stop it again, if it is configured."""
    if not config.dashboard.serve:
        return
    from streamer.outputs.dashboard.dashboard import check_dashboard

    try:
        address = await check_dashboard(config, FrontEndSpec())
    except StreamerError as error:
        yield Finding.from_error("dashboard", error)
    else:
        yield Finding("dashboard", "ok", f"can be served at {address}")


def check_cache() -> Iterator[Finding]:
    """Check that Numba can cache compiled code, which saves a second or two at every start."""
    for folder in cache_folders(os.environ):
        existing = next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
        if os.access(existing, os.W_OK):
            yield Finding("cache", "ok", f"compiled code is cached in {folder}")
            return
    yield Finding(
        "cache",
        "warn",
        "no cache folder is writable: code is compiled at every start",
        "set NUMBA_CACHE_DIR to a folder that this user can write",
    )


def cache_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders that Numba tries for its cache, in order."""
    if environ.get("NUMBA_CACHE_DIR"):
        return [Path(environ["NUMBA_CACHE_DIR"])]
    beside = Path(str(damer.views.__file__)).parent / "__pycache__"
    home = Path(environ.get("HOME") or "/")
    if sys.platform == "win32":
        user = Path(environ.get("LOCALAPPDATA") or home)
    elif sys.platform == "darwin":
        user = home / "Library" / "Caches"
    else:
        user = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return [beside, user / "numba"]

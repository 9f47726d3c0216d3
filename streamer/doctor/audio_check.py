"""Check PortAudio, its devices and the zones' inputs."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np

from streamer.audio import Source, open_source
from streamer.audio.microphone import Device, list_devices
from streamer.config import Config, Zone
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError
from streamer.tracking.silence_gate import SILENCE_DBFS

_ZONE_SECONDS = 1.0  # audio measured per zone
_DEVICE_SECONDS = 0.5  # audio measured per device
_MAX_DEVICES = 8
_TIMEOUT = 6.0  # seconds; a sound server may have to wake a device first


async def check_portaudio(config: Config) -> AsyncIterator[Finding]:
    """List PortAudio's devices and measure their levels. Failures count only with a microphone."""
    required = any(zone.input == "mic" for zone in config.zones)
    try:
        listed = await asyncio.to_thread(list_devices)
    except StreamerError as error:
        finding = Finding.from_error("PortAudio", error)
        yield finding if required else replace(finding, level="warn")
        return
    version = listed.portaudio.partition(", revision")[0]
    if listed.devices:
        yield Finding("PortAudio", "ok", f"{version}; input devices: {len(listed.devices)}")
        for device in listed.devices[:_MAX_DEVICES]:
            yield await _check_device(device)
    else:
        yield Finding(
            "PortAudio",
            "fail" if required else "warn",
            f"{version} finds no microphone",
            "plug one in; on Linux the user must be in the group audio, or a sound server must run",
        )


async def check_inputs(config: Config) -> AsyncIterator[Finding]:
    """Measure one second of each zone's input."""
    for zone in config.zones:
        subject = f"zone {zone.id}"
        if zone.input == "-":
            yield Finding(subject, "ok", "standard input, not checked here")
            continue
        try:
            async with open_source(zone) as source:
                level = await _measure_level(source, seconds=_ZONE_SECONDS)
                yield _rate_level(subject, zone, source, level)
        except StreamerError as error:
            yield Finding.from_error(subject, error)


async def _check_device(device: Device) -> Finding:
    """Measure one device, whether or not a zone uses it."""
    subject = f"device {device.index}"
    zone = Zone(input="mic", device=str(device.index))
    try:
        async with open_source(zone) as source:
            level = await _measure_level(source, seconds=_DEVICE_SECONDS)
    except StreamerError as error:
        return replace(Finding.from_error(subject, error), level="warn")
    return Finding(subject, "ok", f"{device}, channels: {device.channels}; {_level_text(level)}")


async def _measure_level(source: Source, *, seconds: float) -> float | None:
    """Return the RMS level in dBFS; -inf for digital silence, None if no audio arrived."""
    power = 0.0
    samples = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            async for block in source.blocks():
                power += float(np.sum(block.samples.astype(np.float64) ** 2))
                samples += len(block.samples)
                if samples >= seconds * source.rate:
                    break
    if not samples:
        return None
    return 10 * math.log10(power / samples) if power else -math.inf


def _level_text(level: float | None) -> str:
    if level is None:
        return "no audio arrives"
    return f"{level:.0f} dBFS" if math.isfinite(level) else "nothing but zeros"


def _rate_level(subject: str, zone: Zone, source: Source, level: float | None) -> Finding:
    seen = f"{source.name}, {source.rate} Hz: {_level_text(level)}"
    if level is None:
        return Finding(subject, "fail", seen, "check that it plays or is on")
    if level == -math.inf:
        advice = "unmute it; `streamer levels` shows its channels"
        return Finding(
            subject, "warn", seen, advice if zone.input == "mic" else "check that it plays"
        )
    if level < SILENCE_DBFS:
        return Finding(
            subject, "warn", seen, f"below {SILENCE_DBFS:.0f} dBFS counts as silence; turn up"
        )
    if source.clipped and zone.input == "mic":
        return Finding(subject, "warn", f"{seen}, {source.clipped} samples clipped", "turn down")
    return Finding(subject, "ok", seen)

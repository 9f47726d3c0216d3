"""PortAudio, and what the zones listen to."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np

from streamer.audio import Source, open_source
from streamer.audio.microphone import Device, list_devices
from streamer.config import Config, Zone
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError

_LISTEN = 1.0  # seconds of sound, of what a zone hears
_GLANCE = 0.5  # of any other device
_MOST_DEVICES = 8
_PATIENCE = 6.0  # seconds; a sound server may wake a device first
_QUIET = -60.0  # dBFS, as the silence gate


async def check_portaudio(config: Config) -> AsyncIterator[Finding]:
    """Yield what PortAudio sees, and how loud each device is; needed for microphones only."""
    wanted = any(zone.input == "mic" for zone in config.zones)
    try:
        found = await asyncio.to_thread(list_devices)
    except StreamerError as error:
        finding = Finding.from_error("PortAudio", error)
        yield finding if wanted else Finding("PortAudio", "warn", finding.seen, finding.advice)
        return
    version = found.portaudio.partition(", revision")[0]
    count = len(found.devices)
    if count:
        yield Finding("PortAudio", "ok", f"{version}; devices that record: {count}")
        for device in found.devices[:_MOST_DEVICES]:
            yield await _check_device(device)
    else:
        yield Finding(
            "PortAudio",
            "fail" if wanted else "warn",
            f"{version} sees no microphone",
            "plug one in; on Linux the user must be in the group audio, or a sound server must run",
        )


async def check_inputs(config: Config) -> AsyncIterator[Finding]:
    """Listen to each zone for a second; yield how loud it is."""
    for zone in config.zones:
        subject = f"zone {zone.id}"
        if zone.input == "-":
            yield Finding(subject, "ok", "standard input, which is left alone here")
            continue
        try:
            async with open_source(zone) as source:
                heard = await _listen(source, seconds=_LISTEN)
                yield _judge(subject, zone, source, heard)
        except StreamerError as error:
            yield Finding.from_error(subject, error)


async def _check_device(device: Device) -> Finding:
    """Listen to one of the devices, whether a zone wants it or not."""
    subject = f"device {device.index}"
    zone = Zone(input="mic", device=str(device.index))
    try:
        async with open_source(zone) as source:
            heard = await _listen(source, seconds=_GLANCE)
    except StreamerError as error:
        return replace(Finding.from_error(subject, error), level="warn")
    return Finding(subject, "ok", f"{device}, channels: {device.channels}; {heard}")


@dataclass(frozen=True)
class _Heard:
    """How loud a source is; None where nothing came, minus infinity where zeros did."""

    level: float | None

    def __str__(self) -> str:
        if self.level is None:
            return "no sound arrives"
        return f"{self.level:.0f} dBFS" if math.isfinite(self.level) else "nothing but zeros"


async def _listen(source: Source, *, seconds: float) -> _Heard:
    power = 0.0
    samples = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            async for block in source.blocks():
                power += float(np.sum(block.samples.astype(np.float64) ** 2))
                samples += len(block.samples)
                if samples >= seconds * source.rate:
                    break
    if not samples:
        return _Heard(None)
    return _Heard(10 * math.log10(power / samples) if power else -math.inf)


def _judge(subject: str, zone: Zone, source: Source, heard: _Heard) -> Finding:
    seen = f"{source.name}, {source.rate} Hz: {heard}"
    if heard.level is None:
        return Finding(subject, "fail", seen, "see that it plays or is on")
    if heard.level == -math.inf:
        advice = "unmute it; `streamer levels` shows its channels"
        return Finding(
            subject, "warn", seen, advice if zone.input == "mic" else "see that it plays"
        )
    if heard.level < _QUIET:
        return Finding(subject, "warn", seen, f"below {_QUIET:.0f} dBFS counts as silence; turn up")
    if source.clipped and zone.input == "mic":
        return Finding(subject, "warn", f"{seen}, {source.clipped} samples clipped", "turn down")
    return Finding(subject, "ok", seen)

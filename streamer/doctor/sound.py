"""PortAudio, and what the zones listen to."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import numpy as np

from streamer.audio import Source, open_source
from streamer.audio.microphone import list_devices
from streamer.config import Config, Zone
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError

_LISTEN = 1.0  # seconds of sound
_PATIENCE = 6.0  # seconds; a sound server may wake a device first
_QUIET = -60.0  # dBFS, as the silence gate


async def examine_portaudio(config: Config) -> AsyncIterator[Finding]:
    """Yield what PortAudio sees; it is needed for microphones only."""
    wanted = any(zone.input == "mic" for zone in config.zones)
    try:
        found = await asyncio.to_thread(list_devices)
    except StreamerError as error:
        finding = Finding.of_error("PortAudio", error)
        yield finding if wanted else Finding("PortAudio", "warn", finding.seen, finding.advice)
        return
    names = ", ".join(str(device) for device in found.devices[:6])
    count = len(found.devices)
    if count:
        yield Finding("PortAudio", "ok", f"{found.portaudio}; {count} inputs: {names}")
    else:
        yield Finding(
            "PortAudio",
            "fail" if wanted else "warn",
            f"{found.portaudio} sees no microphone",
            "plug one in; on Linux the user must be in the group audio, or a sound server must run",
        )


async def examine_inputs(config: Config) -> AsyncIterator[Finding]:
    """Listen to each zone for a second; yield how loud it is."""
    for zone in config.zones:
        subject = f"zone {zone.id}"
        if zone.input == "-":
            yield Finding(subject, "ok", "standard input, which is left alone here")
            continue
        try:
            async with open_source(zone) as source:
                yield await _listen(subject, zone, source)
        except StreamerError as error:
            yield Finding.of_error(subject, error)


async def _listen(subject: str, zone: Zone, source: Source) -> Finding:
    heard: list[float] = []
    samples = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            async for block in source.blocks():
                heard.append(float(np.sum(block.samples.astype(np.float64) ** 2)))
                samples += len(block.samples)
                if samples >= _LISTEN * source.rate:
                    break
    name = f"{source.name}, {source.rate} Hz"
    if not samples:
        return Finding(subject, "fail", f"{name}: no sound arrives", "see that it plays or is on")
    power = sum(heard) / samples
    if power == 0.0:
        return Finding(
            subject, "warn", f"{name}: nothing but zeros", "unmute it, or choose another --device"
        )
    level = 10 * math.log10(power)
    seen = f"{name}: {level:.0f} dBFS"
    if level < _QUIET:
        return Finding(subject, "warn", seen, f"below {_QUIET:.0f} dBFS counts as silence; turn up")
    if source.clipped and zone.input == "mic":
        return Finding(subject, "warn", f"{seen}, {source.clipped} samples clipped", "turn down")
    return Finding(subject, "ok", seen)

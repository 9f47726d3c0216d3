"""Calibration of a microphone in a simulated room: distance of the trajectory to the file's.

`python -m benchmarks.calibration [--decay S] [--decibels DB]` takes eight minutes. The demo plays
15 dB quieter through PulseAudio. The mean distance of the published valence and arousal to those
of the file is printed: uncalibrated, calibrated by level, calibrated with the demo.
`--levels FOLDER` only prints the programme levels of the audio files in a folder.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
from numpy.typing import NDArray

from streamer.audio import open_audio_file
from streamer.config import Tracking
from streamer.demo import PIECE
from streamer.engines import open_engine
from streamer.tracking.calibration import LevelMeter
from streamer.tracking.calibration.programme_level import programme_level
from streamer.tracking.calibration.reference import Track, track_blocks
from tests.support.mosquitto import Mosquitto
from tests.support.pulseaudio import RATE, MicrophonePlayer, PulseServer, recording
from tests.support.room import add_room

PROGRAM = str(Path(sys.executable).with_name("streamer"))
_QUIET = 4.0  # silence between two repetitions, s


def read_demo() -> tuple[NDArray[np.float32], Track]:
    with open_audio_file(PIECE, ()) as audio:
        blocks = list(audio.blocks(RATE // 10))
        file_track = track_blocks(blocks, audio.rate, open_engine(), Tracking())
        return np.concatenate([block.samples for block in blocks]), file_track


async def collect_estimates(
    environment: dict[str, str], broker: Mosquitto, seconds: float
) -> list[dict[str, Any]]:
    """Return the estimates that `streamer run` publishes for the microphone."""
    command = [PROGRAM, "run", "--input", "mic", "--device", "alpha", "--node", "room"]
    running = subprocess.Popen(  # noqa: ASYNC220 - does not block
        [*command, "--broker", str(broker.address), "--no-view"],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    messages = []
    try:
        async with aiomqtt.Client(broker.address.host, broker.address.port) as client:
            await client.subscribe("streamer/room/main/va")
            async for message in client.messages:
                messages.append(json.loads(message.payload))
                if len(messages) >= seconds * 10:
                    return messages
    finally:
        running.terminate()
        running.wait(10)
    return messages


def distances(
    messages: list[dict[str, Any]], player: MicrophonePlayer, file_track: Track, epoch: float
) -> str:
    """Return mean, 95th percentile and maximum distance of messages to the file's trajectory."""
    period = _QUIET + (len(file_track.affect) + 10) / 10
    pairs = []
    for message in messages[40:]:
        position = (message["ts"] / 1e3 - epoch - player.started) % period - _QUIET
        tick = round(position * 10) - 10
        if 30 <= tick < len(file_track.affect):
            expected, published = file_track.affect[tick], (message["valence"], message["arousal"])
            pairs.append(np.abs(expected - published))
    errors = np.array(pairs)
    columns = zip(("valence", "arousal"), errors.T, strict=True)
    return "; ".join(
        f"{axis} mean {each.mean():.3f} p95 {np.quantile(each, 0.95):.3f} max {each.max():.3f}"
        for axis, each in columns
    )


def print_levels(folder: Path) -> None:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".wav", ".flac", ".mp3", ".ogg", ".opus"):
            with open_audio_file(path, ()) as audio:
                meter = LevelMeter(audio.rate)
                for block in audio.blocks(audio.rate):
                    meter.push(block)
            found.append(programme_level(meter.levels))
    tenth, median, ninth = np.quantile(found, (0.1, 0.5, 0.9))
    print(f"{len(found)} files: median {median:.1f} dBFS, eight of ten {tenth:.1f} to {ninth:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decay", type=float, default=1.2, help="reverberation time in s")
    parser.add_argument("--decibels", type=float, default=-15.0)
    parser.add_argument("--levels", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.levels is not None:
        print_levels(options.levels)
        return
    audio, file_track = read_demo()
    room_audio = add_room(audio, RATE, options.decay, options.decibels, _QUIET)
    seconds = len(room_audio) / RATE + 8
    pulse = PulseServer(("alpha",))
    epoch = time.time() - time.monotonic()
    with pulse.running(), tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder))
        broker.start()
        pulse.plug_in("alpha")
        environment = {**os.environ, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        with MicrophonePlayer(pulse.pipe("alpha"), recording(room_audio)) as player:
            try:
                for label, options_of in (
                    ("as it comes", None),
                    ("by level", []),
                    ("by the demo", ["--reference", "demo"]),
                ):
                    if options_of is not None:
                        command = [PROGRAM, "calibrate", "--input", "mic", "--device", "alpha"]
                        subprocess.run([*command, *options_of], env=environment, check=True)
                    messages = asyncio.run(collect_estimates(environment, broker, seconds))
                    print(f"{label}: {distances(messages, player, file_track, epoch)}", flush=True)
            finally:
                broker.kill()


if __name__ == "__main__":
    main()

"""Recover the files of a recording process that is killed at a random moment."""

import random
import subprocess
import sys
import time

import pytest

from streamer.audio import open_audio_file
from streamer.outputs.recording import read_recording

pytestmark = pytest.mark.long

PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from streamer.audio import Block
from streamer.config import Record
from streamer.outputs.recording import Recorder
from streamer.tracking import Affect, Update

record = Record(folder=Path(sys.argv[1]), audio=True, free_gb=0)
recorder = Recorder(record, {"main": "noise"}, model="test")
noise = np.random.default_rng(0).normal(0, 0.1, 4410).astype(np.float32)
started, tick = time.monotonic(), 0
while True:
    now = started + tick / 10
    recorder.offer_audio("main", Block(noise, tick * 4410, now), 44100)
    affect = Affect(tick / 1e6, -tick / 1e6, 0.1, 0.2)
    recorder.offer_update("main", Update(tick, tick / 10, now, affect, affect, False, 1.0, -20.0))
    tick += 1
    print(recorder.recorded, flush=True)
    time.sleep(0.002)
"""


def killed_after(seconds, folder):
    """Kill a recording process; return how many estimates it reported as written."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    output, _ = process.communicate()
    return int([line for line in output.split("\n")[:-1] if line][-1])


@pytest.mark.parametrize("seconds", [random.uniform(0, 1) for _ in range(3)], ids="abc")
def test_written_estimates_survive_and_are_recovered_at_the_next_start(
    tmp_path, seconds, start_recorder
):
    folder = tmp_path / "recordings"
    known = killed_after(seconds, folder)
    [journal], [part] = folder.glob("*.journal"), folder.glob("*.flac.part")
    recording = read_recording(journal)
    assert recording.unfinished
    assert len(recording) >= known > 0
    assert recording.columns["tick"].tolist() == list(range(len(recording)))
    start_recorder().finish()
    assert {path.suffix for path in folder.iterdir()} == {".parquet", ".flac"}
    completed = read_recording(journal.with_suffix(".parquet"))
    assert list(completed.updates()) == list(recording.updates())
    assert seconds_of(part.with_suffix("")) > len(completed) / 10 - 2


def seconds_of(path):
    with open_audio_file(path) as audio:  # its last frame may be cut
        return sum(len(block.samples) for block in audio.blocks()) / audio.rate

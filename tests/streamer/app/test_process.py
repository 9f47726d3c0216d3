"""Memory of the process and garbage collection."""

import mmap
import subprocess
import sys

import numpy as np
import pytest

from streamer.app.process import (
    freeze_startup_objects,
    peak_memory,
    release_memory,
    resident_memory,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def test_resident_and_peak_memory_of_this_process():
    before = resident_memory()
    with mmap.mmap(-1, 50_000_000) as ballast:  # fresh pages, not reused from earlier tests
        ballast.write(b"1" * len(ballast))
        assert resident_memory() - before > 40e6
    assert peak_memory() >= before + 40e6


def test_peak_memory_is_not_inherited_by_a_child():
    ballast = np.ones(300_000_000, np.uint8)
    program = "from streamer.app.process import peak_memory; print(peak_memory())"
    assert int(subprocess.check_output([sys.executable, "-c", program])) < len(ballast) / 2


def test_reference_cycles_are_freed():
    freeze_startup_objects()
    before = resident_memory()
    for _ in range(20):
        ring: list[object] = [np.ones(1_000_000)]
        ring.append(ring)
    del ring
    release_memory()
    assert resident_memory() - before < 20e6

import subprocess
import sys

import numpy as np
import pytest

from streamer.system import peak_memory, resident_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_memory_is_that_of_this_process():
    before = resident_memory()
    ballast = np.ones(50_000_000, np.uint8)
    assert resident_memory() - before > 40e6
    del ballast
    assert peak_memory() >= before + 40e6


def test_a_child_does_not_inherit_the_peak_of_its_parent():
    ballast = np.ones(300_000_000, np.uint8)
    program = "from streamer.system import peak_memory; print(peak_memory())"
    assert int(subprocess.check_output([sys.executable, "-c", program])) < len(ballast) / 2

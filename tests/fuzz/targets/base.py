"""Base class of the fuzz targets."""

from pathlib import Path
from random import Random

from tests.fuzz.verdict import Input


class Target:
    """Generator and checker of inputs.

    Attributes
    ----------
    timeout
        Longest time for one input, in seconds.
    max_memory_growth
        Bytes by which one input may raise the peak memory.
    """

    timeout = 5.0
    max_memory_growth = 256 << 20

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Preload what checks need, so that it does not count for the first input."""
        self.check(self.make(Random(0)))

    def make(self, random: Random) -> Input:
        """Return an input, which depends only on the generator's state."""
        raise NotImplementedError

    def check(self, given: Input) -> str:
        """Feed an input to the program; return the kind of result, or raise `FuzzFailure`."""
        raise NotImplementedError

    def close(self) -> None:
        """Release resources."""

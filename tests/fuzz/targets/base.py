"""What a target is."""

from pathlib import Path
from random import Random

from tests.fuzz.judging import Input


class Target:
    """Makes inputs and judges them.

    Attributes
    ----------
    patience
        Seconds within which an input has to be judged.
    growth
        Bytes by which one input may raise the most memory that was ever used.
    """

    patience = 5.0
    growth = 256 << 20

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Load what judging needs, so that no input is charged for it."""
        self.judge(self.make(Random(0)))

    def make(self, chance: Random) -> Input:
        """Return an input; the same for the same chance."""
        raise NotImplementedError

    def judge(self, given: Input) -> str:
        """Return what kind of answer came; raises where something was found."""
        raise NotImplementedError

    def close(self) -> None:
        """Free what was made."""

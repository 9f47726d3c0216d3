"""Fuzz target with every kind of fault, to test that each is detected."""

import os
import time
from random import Random

from streamer.errors import StreamerError
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import CANARY, Input, check_error

FAULTS = ("fine", "raise", "crash", "hang", "memory", "say a secret", "say control characters")
_MUCH = 128 << 20  # bytes; more takes seconds on a machine that is slow to map pages


class BrokenTarget(Target):
    """Fail in the way that the input names."""

    max_memory_growth = 64 << 20

    def prepare(self) -> None:
        pass

    def make(self, random: Random) -> Input:
        return {"fault": random.choice(FAULTS).encode()}

    def check(self, given: Input) -> str:
        match given["fault"].decode():
            case "raise":
                raise ValueError("a fault")
            case "crash":
                os.abort()
            case "hang":
                time.sleep(1000)
            case "memory":
                return str(len(b"\1" * _MUCH))
            case "say a secret":
                return check_error(StreamerError(f"no such password: {CANARY}"))
            case "say control characters":
                return check_error(StreamerError("a\nb"))
        return "fine"

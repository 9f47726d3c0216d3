"""A target with every kind of fault, to see that each is found."""

import os
import time
from random import Random

from streamer.errors import StreamerError
from tests.fuzz.judging import CANARY, Input, judged
from tests.fuzz.targets.base import Target

FAULTS = ("fine", "raise", "crash", "hang", "memory", "say a secret", "say control characters")
_MUCH = 400 << 20


class BrokenTarget(Target):
    """Does what the input says."""

    def prepare(self) -> None:
        pass

    def make(self, chance: Random) -> Input:
        return {"fault": chance.choice(FAULTS).encode()}

    def judge(self, given: Input) -> str:
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
                return judged(StreamerError(f"no such password: {CANARY}"))
            case "say control characters":
                return judged(StreamerError("a\nb"))
        return "fine"

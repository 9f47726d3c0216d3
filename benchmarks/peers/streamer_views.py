"""Ours: both views of the new tenth of a second, in blocks of 20 ms as they come live."""

from benchmarks.peers.protocol import STEP_SECONDS, Sound, Update, contend
from damer.views import FrontEnd, FrontEndSpec

RATE = 22050
BLOCK = 441


def prepare() -> Update:
    front_end = FrontEnd(FrontEndSpec())
    step = round(STEP_SECONDS * RATE)

    def update(sound: Sound, end: int) -> None:
        for start in range(end - step, end, BLOCK):
            front_end.push(sound[start : start + BLOCK])

    return update


if __name__ == "__main__":
    contend(RATE, prepare)

"""streamer: both views of the new 0.1 s, in live blocks of 20 ms."""

from benchmarks.peers.protocol import STEP_SECONDS, Audio, Update, contend
from damer.views import FrontEnd, FrontEndSpec

RATE = 22050
BLOCK = 441


def prepare() -> Update:
    front_end = FrontEnd(FrontEndSpec())
    step = round(STEP_SECONDS * RATE)

    def update(audio: Audio, end: int) -> None:
        for start in range(end - step, end, BLOCK):
            front_end.push(audio[start : start + BLOCK])

    return update


if __name__ == "__main__":
    contend(RATE, prepare)

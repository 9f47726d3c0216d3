"""openSMILE: eGeMAPS functionals of the last three seconds, for a support vector machine."""

import opensmile

from benchmarks.peers.protocol import Sound, Update, contend, last_window

RATE = 16000


def prepare() -> Update:
    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )

    def update(sound: Sound, end: int) -> None:
        smile.process_signal(last_window(sound, end, RATE), RATE)

    return update


if __name__ == "__main__":
    contend(RATE, prepare)

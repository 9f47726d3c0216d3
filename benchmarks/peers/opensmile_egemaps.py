"""openSMILE: eGeMAPS functionals of the last three seconds, for a support vector machine."""

import opensmile

from benchmarks.peers.protocol import Audio, Update, contend, last_window

RATE = 16000


def prepare() -> Update:
    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )

    def update(audio: Audio, end: int) -> None:
        smile.process_signal(last_window(audio, end, RATE), RATE)

    return update


if __name__ == "__main__":
    contend(RATE, prepare)

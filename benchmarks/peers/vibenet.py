"""VibeNet: energy, valence and five other attributes of the last three seconds."""

from benchmarks.peers.protocol import Audio, Update, contend, last_window

RATE = 16000


def prepare() -> Update:
    from vibenet import load_model

    model = load_model()

    def update(audio: Audio, end: int) -> None:
        model.predict(last_window(audio, end, RATE), sr=RATE)

    return update


if __name__ == "__main__":
    contend(RATE, prepare)

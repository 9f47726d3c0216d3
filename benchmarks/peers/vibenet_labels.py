"""VibeNet's seven attributes of recordings, as JSON. Runs in its environment.

Usage: python -m benchmarks.peers.vibenet_labels RECORDINGS.npz, mono arrays at 16 kHz.
"""

import json
import os
import sys
from operator import methodcaller

import numpy as np


def main(path: str) -> None:
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may print to stdout
    from vibenet import load_model

    model = load_model()
    with np.load(path) as recordings:
        found = [model.predict(recordings[str(k)], sr=16000)[0] for k in range(len(recordings))]
    json.dump(list(map(methodcaller("to_dict"), found)), output)
    output.close()


if __name__ == "__main__":
    main(sys.argv[1])

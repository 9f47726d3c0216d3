"""What VibeNet says of recordings: its seven attributes of each, as JSON. Runs in its environment.

Usage: python -m benchmarks.peers.vibenet_labels SOUNDS.npz, mono arrays at 16 kHz.
"""

import json
import os
import sys
from operator import methodcaller

import numpy as np


def main(path: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    from vibenet import load_model

    model = load_model()
    with np.load(path) as sounds:
        found = [model.predict(sounds[str(k)], sr=16000)[0] for k in range(len(sounds))]
    json.dump(list(map(methodcaller("to_dict"), found)), answers)
    answers.close()


if __name__ == "__main__":
    main(sys.argv[1])

"""YAMNet's mood and sound classes: a further teacher, which was trained on AudioSet.

"YAMNet", TensorFlow Model Garden, Google, Apache-2.0; classes of AudioSet (Gemmeke et al., "Audio
Set: An ontology and human-labeled dataset for audio events", ICASSP 2017). Its mood classes were
chosen by listeners for recordings of every kind, so they know valence that heads trained on a few
hundred songs do not.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.sound import teacher

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

MOODS = {"happy": 271, "sad": 272, "tender": 273, "exciting": 274, "angry": 275, "scary": 276}
"""Indices of YAMNet's mood classes of music."""
SOUNDS = {
    "music": 132, "speech": 0, "singing": 24, "cheering": 61, "applause": 62, "crowd": 64,
    "silence": 494,
}  # fmt: skip
"""Indices of YAMNet's classes of music and of what is heard beside it."""
CLASSES = MOODS | SOUNDS
"""Classes in the order of the outputs."""
FILE = Path("teachers/yamnet.tflite")
"""YAMNet's file, below a data folder."""
_PATCH = 15600  # samples of an input: 0.975 s
_PATCHES = 3  # one after another, up to the end of a window of MusiCNN
_ALL_CLASSES = 521
_MIN_SCORE = 1e-5


class Tagger:
    """YAMNet as a teacher.

    Parameters
    ----------
    file
        YAMNet in TensorFlow Lite's format.

    Raises
    ------
    ValueError
        The file is missing, damaged, or another network.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise ValueError(
                f"cannot load YAMNet: {file} is missing; get it from "
                "kaggle.com/models/google/yamnet (TensorFlow Lite)"
            )
        self._file = file
        content = file.read_bytes() + repr((CLASSES, _PATCHES)).encode()
        self.digest = hashlib.sha256(content).hexdigest()[:12]
        _interpreter(file)

    def tag(self, audio: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Compute log-odds of the classes in the windows of `teacher.embed`.

        Parameters
        ----------
        audio
            Mono at 16 kHz, (n,).

        Returns
        -------
        ends
            Ends of the windows in seconds, (n,).
        log_odds
            Of the mean scores of a window, (n, classes).
        """
        windows, ends = teacher.cut_audio_windows(audio)
        patches = windows[:, -_PATCHES * _PATCH :].reshape(len(windows), _PATCHES, _PATCH)
        scores = np.stack([[self._scores(patch) for patch in window] for window in patches])
        mean = scores.mean(axis=1).clip(_MIN_SCORE, 1.0 - _MIN_SCORE)
        log_odds: NDArray[np.float32] = np.log(mean / (1.0 - mean)).astype(np.float32)
        return ends, log_odds

    def _scores(self, patch: NDArray[np.float32]) -> NDArray[np.float64]:
        interpreter = _interpreter(self._file)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], patch[None])
        interpreter.invoke()
        scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        chosen: NDArray[np.float64] = scores[list(CLASSES.values())].astype(np.float64)
        return chosen


def find_tagger(roots: list[Path]) -> Tagger:
    """Load YAMNet from the first data folder that has it.

    Raises
    ------
    ValueError
        No folder has it, or it is damaged.
    """
    return Tagger(next((root / FILE for root in roots if (root / FILE).is_file()), FILE))


@lru_cache(maxsize=1)
def _interpreter(file: Path) -> "Interpreter":
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(file), num_threads=1)
    except ValueError as error:
        raise ValueError(f"cannot load {file}: it is damaged ({error}); replace it") from None
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if [*inputs[0]["shape"]] != [1, _PATCH] or [*outputs[0]["shape"]] != [1, _ALL_CLASSES]:
        raise ValueError(f"cannot load {file}: it is not YAMNet; replace it")
    return interpreter

"""MusiCNN embeddings: the teacher of distillation, and features of baselines.

Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging", ISMIR
2019 (late-breaking); weights of the Million Song Dataset, ISC licence. `make teacher` turns the
published TensorFlow weights into ONNX in an environment of its own; nothing here needs TensorFlow.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import librosa
import numpy as np
import onnxruntime
from numpy.typing import NDArray

RATE = 16000
EMBEDDING_SIZE = 200
_HOP, _FFT, _BANDS, _WINDOW = 256, 512, 96, 187  # as MusiCNN was trained: 3 s of log-Mel frames
_BATCH = 4


def embed(
    audio: NDArray[np.float32], model: Path
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Embed windows of 3 s, one after another.

    Parameters
    ----------
    audio
        Mono at 16 kHz, (n,). If shorter than a window, it is padded with silence at its start.
    model
        ONNX file, written by `make teacher`.

    Returns
    -------
    ends
        Ends of the windows in seconds, (n,).
    embeddings
        Penultimate layer (`model/dense/BiasAdd`), (n, 200).

    Raises
    ------
    FileNotFoundError
        The ONNX file is missing.
    """
    missing, count = _window_layout(len(audio))
    frames = _log_mel(np.pad(audio, (missing, 0)))
    starts = np.arange(count) * _WINDOW
    session = _session(model)
    parts = []
    for first in range(0, len(starts), _BATCH):
        windows = np.stack([frames[s : s + _WINDOW] for s in starts[first : first + _BATCH]])
        parts.append(session.run(None, {session.get_inputs()[0].name: windows})[0])
    return _window_ends(missing, count), np.concatenate(parts)


def cut_audio_windows(
    audio: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Cut the audio of the windows that `embed` embeds, for other teachers.

    Returns
    -------
    windows
        (n, samples).
    ends
        Ends of the windows in seconds, (n,).
    """
    missing, count = _window_layout(len(audio))
    length = count * _WINDOW * _HOP
    padded = np.pad(audio, (missing, _HOP))[:length]  # the last window may end a hop too late
    return padded.reshape(count, -1), _window_ends(missing, count)


def _window_layout(samples: int) -> tuple[int, int]:
    """Return the samples of silence to add before the audio, and the number of windows."""
    missing = max(0, _WINDOW * _HOP - samples)
    return missing, (1 + (samples + missing) // _HOP) // _WINDOW


def _window_ends(missing: int, count: int) -> NDArray[np.float64]:
    ends: NDArray[np.float64] = (np.arange(1, count + 1) * _WINDOW * _HOP - missing) / RATE
    return ends


def digest(model: Path) -> str:
    """Digest of the teacher's ONNX file and of its input windows, 12 hexadecimal digits.

    Raises
    ------
    FileNotFoundError
        The file is missing.
    """
    _require(model)
    windows = f"{RATE} {_HOP} {_FFT} {_BANDS} {_WINDOW}".encode()
    return hashlib.sha256(model.read_bytes() + windows).hexdigest()[:12]


def _log_mel(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    power = librosa.feature.melspectrogram(
        y=audio, sr=RATE, hop_length=_HOP, n_fft=_FFT, n_mels=_BANDS
    )
    half = power.T.astype(np.float16)  # as MusiCNN was trained and is served
    log_mel: NDArray[np.float32] = np.log10(10000 * half.astype(np.float32) + 1)
    return log_mel


@lru_cache(maxsize=1)
def _session(model: Path) -> onnxruntime.InferenceSession:
    _require(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _require(model: Path) -> None:
    if not model.is_file():
        raise FileNotFoundError(f"cannot load MusiCNN: {model} is missing; run `make teacher`")

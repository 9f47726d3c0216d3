"""Default engine: ONNX Runtime on the CPU."""

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
import onnxruntime

from damer.views import FrontEndSpec
from streamer.engines.protocol import Array, Estimate, KalmanSettings
from streamer.errors import EngineError

_LOG_ERRORS_ONLY = 3
OUTPUTS = ["valence", "arousal", "valence_std", "arousal_std"]


class OnnxEngine:
    """Runs exported weights on one CPU thread, without spinning between calls.

    Parameters
    ----------
    path
        ONNX file written by `python -m deploy export`.

    Raises
    ------
    EngineError
        The file is missing, is not an exported model, or was made for another front end.
    """

    def __init__(self, path: Path) -> None:
        self._session = _open_session(path)
        metadata = _session_metadata(self._session, path)
        self.name = f"ONNX Runtime {onnxruntime.__version__}, CPU"
        self.last_error = ""
        self.model, self.front_end, self.smoothing = metadata

    def infer(self, mel: Array, cochleagram: Array) -> Estimate:
        """Predict a batch of windows; see `Engine.infer`."""
        return Estimate(*self._session.run(OUTPUTS, {"mel": mel, "cochleagram": cochleagram}))


class ModelMetadata(NamedTuple):
    """Metadata of an exported model: name, front end and smoother."""

    name: str
    front_end: FrontEndSpec
    smoothing: KalmanSettings


def read_model_metadata(path: Path) -> ModelMetadata:
    """Read the metadata of an ONNX file; raises as `OnnxEngine` does."""
    return _session_metadata(_open_session(path), path)


def _open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _LOG_ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not path.is_file():
        raise EngineError(f"no weights at {path}; leave [engine] model out for the shipped ones")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's exceptions share no base class
        raise EngineError(f"{path} is not an ONNX model that can be run: {error}") from None


def _session_metadata(session: onnxruntime.InferenceSession, path: Path) -> ModelMetadata:
    metadata = session.get_modelmeta().custom_metadata_map
    front_end = read_front_end(metadata, path)
    frames = session.get_inputs()[0].shape[-1]
    if frames != front_end.window_frames:
        raise EngineError(
            f"{path} expects {frames} frames, not {front_end.window_frames}; export it again"
        )
    name = metadata.get("name", path.stem)
    return ModelMetadata(name, front_end, read_smoothing(metadata, path))


def read_front_end(metadata: dict[str, str], path: Path) -> FrontEndSpec:
    """Read the front end of the weights.

    Raises
    ------
    EngineError
        The metadata holds none, or it differs from this version's in more than the window.
    """
    try:
        spec = FrontEndSpec(**json.loads(metadata["front_end"]))
        digest = metadata["front_end_digest"]
    except (KeyError, TypeError, ValueError):
        raise EngineError(
            f"{path} does not say which front end it was made for; "
            "export weights with `python -m deploy export`"
        ) from None
    expected = replace(FrontEndSpec(), window_frames=spec.window_frames)
    differences = [
        f"{key.name} is {getattr(spec, key.name)}, not {getattr(expected, key.name)}"
        for key in fields(FrontEndSpec)
        if getattr(spec, key.name) != getattr(expected, key.name)
    ]
    if differences or digest != spec.digest:
        reason = "; ".join(differences) or "its digest does not match its numbers"
        raise EngineError(
            f"{path} was made for another front end ({reason}); train it for this one"
        )
    return spec


def read_smoothing(metadata: dict[str, str], path: Path) -> KalmanSettings:
    """Read the smoother's parameters that were fitted with the weights.

    Raises
    ------
    EngineError
        The metadata holds none.
    """
    try:
        values = json.loads(metadata["smoothing"])
        return KalmanSettings(
            drift=tuple(values["drift"]),
            correlation=values["correlation"],
            deviation_scale=tuple(values["deviation_scale"]),
        )
    except (KeyError, TypeError, ValueError):
        raise EngineError(f"{path} holds no settings for the smoother; export it again") from None

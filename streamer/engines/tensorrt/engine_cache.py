"""Cache of built engines on disk, each with a label that says what it fits."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from streamer.engines.tensorrt.builder import TensorRTLibrary
from streamer.engines.weights_digest import file_sha256
from streamer.errors import EngineError

BUILD_HINT = "build one with `streamer engines build`"


class EngineLabel(BaseModel):
    """What an engine was built for; stored beside it as JSON.

    Attributes
    ----------
    model, model_digest
        Name and SHA-256 of the ONNX file.
    package, version
        Edition of TensorRT; an engine runs with this version only.
    capabilities
        Compute capabilities of the GPUs.
    batches
        Batch size, in windows, of each profile.
    engine_digest
        SHA-256 of the engine.
    built
        Time of the build.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_digest: str
    package: str
    version: str
    capabilities: tuple[str, ...]
    batches: tuple[int, ...]
    engine_digest: str
    built: AwareDatetime


class CachedEngine(NamedTuple):
    """An engine on disk, and its label; None if that is missing or damaged."""

    path: Path
    label: EngineLabel | None


def default_cache_folder() -> Path:
    """Return `streamer/engines` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "streamer", "engines")


def save_engine(
    engine: bytes,
    model: Path,
    library: TensorRTLibrary,
    capabilities: tuple[str, ...],
    batches: tuple[int, ...],
    folder: Path,
) -> Path:
    """Write an engine and its label, in place of an older one for the same purpose.

    Raises
    ------
    EngineError
        The folder cannot be written.
    """
    label = EngineLabel(
        model=model.name,
        model_digest=file_sha256(model),
        package=library.package,
        version=library.version,
        capabilities=capabilities,
        batches=batches,
        engine_digest=hashlib.sha256(engine).hexdigest(),
        built=datetime.now(UTC),
    )
    gpus = "-".join(f"sm{capability.replace('.', '')}" for capability in capabilities)
    name = f"{label.model_digest[:12]}-{library.package}-{library.version}-{gpus}.engine"
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(path, engine)
        _write_atomically(path.with_suffix(".json"), label.model_dump_json(indent=2).encode())
    except OSError as error:
        raise EngineError(f"cannot write {folder}: {error.strerror}") from None
    return path


def _write_atomically(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def cached_engines(folder: Path) -> Iterator[CachedEngine]:
    """Yield every engine of a folder, sorted by name."""
    for path in sorted(folder.glob("*.engine")):
        try:
            label = EngineLabel.model_validate_json(path.with_suffix(".json").read_bytes())
        except (OSError, ValidationError):
            label = None
        yield CachedEngine(path, label)


def mismatch_reason(
    engine: CachedEngine, model_digest: str, library: TensorRTLibrary, capability: str
) -> str:
    """Return why an engine does not fit the weights, the library or the GPU; "" if it fits."""
    label = engine.label
    if label is None:
        return "its label is missing or damaged"
    if label.model_digest != model_digest:
        return f"it was built for other weights ({label.model})"
    if (label.package, label.version) != (library.package, library.version):
        return f"it was built by {label.package} {label.version}"
    if capability not in label.capabilities:
        return f"it was built for GPUs of compute capability {', '.join(label.capabilities)}"
    if file_sha256(engine.path) != label.engine_digest:
        return "the file is damaged"
    return ""


def find_engine(
    model: Path, library: TensorRTLibrary, capability: str, folder: Path
) -> tuple[Path, EngineLabel]:
    """Find the engine that fits the weights, the library and the GPU.

    Raises
    ------
    EngineError
        None fits; the message says why each does not.
    """
    digest = file_sha256(model)
    reasons = []
    for engine in cached_engines(folder):
        reason = mismatch_reason(engine, digest, library, capability)
        if not reason and engine.label is not None:
            return engine.path, engine.label
        reasons.append(f"{engine.path.name}: {reason}")
    wanted = f"no engine for {model.name}, {library.title} and compute capability {capability}"
    found = f" ({'; '.join(reasons)})" if reasons else ""
    raise EngineError(f"{wanted} in {folder}{found}; {BUILD_HINT}")

"""Cache of computed features: frames of both views, MusiCNN embeddings, eGeMAPS functionals.

Frames are float16, (frames, mel_bands + gammatone_channels), Mel columns first, one `.npy` a
rendition in a folder named by the digest of the front end, so that a changed front end never reads
old frames. Frames packed into shards are found first. Embeddings are one `.npz` a rendition, in a
folder named by the digest of the teacher, so that teachers are never mixed.
"""

import hashlib
import importlib.util
import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece, PrecomputedViews
from training.sound import teacher
from training.sound.render import Rendering, load_audio
from training.sound.renditions import PieceRendering, Rendition
from training.sound.shards import index_shards, open_slice, pack
from training.sound.tagger import Tagger

Compute = Callable[[Piece, Rendering, BinaryIO], None]


def load_renditions(
    renditions: list[PieceRendering], spec: FrontEndSpec, cache: Path
) -> list[Rendition]:
    """Load the frames of renditions from the cache; compute missing ones on all cores.

    Raises
    ------
    ValueError
        A piece cannot be decoded, or cached frames or a shard are damaged; the message names the
        file.
    """
    precomputed = [isinstance(piece.source, PrecomputedViews) for piece, _ in renditions]
    if renditions and {*precomputed} != {spec.origin == "external"}:
        raise ValueError(
            "cannot load frames: data sets of precomputed views, and only they, need a recipe with "
            'origin = "external"'
        )
    if renditions and precomputed[0]:
        return _load_precomputed(renditions)
    packed = index_shards(_shard_folder(cache, spec))
    single = [one for one in renditions if _key(*one) not in packed]
    paths = iter(compute_frames("Computing frames", single, spec, cache, _ComputeFrames(spec)))
    loaded = []
    for one in renditions:
        if shard_slice := packed.get(_key(*one)):
            frames = _check_shape(open_slice(shard_slice), shard_slice.shard, spec)
        else:
            frames = _open_frames(next(paths), spec)
        loaded.append(Rendition(*one, frames))
    return loaded


def select_part(renditions: list[PieceRendering], number: int, parts: int) -> list[PieceRendering]:
    """Select part `number`, 1 to `parts`, of the distinct renditions, the same on every machine.

    Parts differ by at most one rendition. They are ordered by hash, so that lengths even out.
    """
    by_key = {_key(*one): one for one in renditions}
    return [by_key[key] for key in sorted(by_key)[number - 1 :: parts]]


def pack_frames(renditions: list[Rendition], spec: FrontEndSpec, cache: Path) -> list[Path]:
    """Pack the frames of renditions into shards of a cache; return the new shard files."""
    named = ((_key(one.piece, one.rendering), one.frames) for one in renditions)
    return pack(named, _shard_folder(cache, spec))


def compute_frames(
    title: str,
    renditions: list[PieceRendering],
    spec: FrontEndSpec,
    cache: Path,
    compute: Compute,
) -> list[Path]:
    """Compute the frames missing from the cache; return one file a rendition."""
    folder = cache / "frames" / _digest(spec)
    paths = [_path(folder, *one, ".npy") for one in renditions]
    _compute_missing(title, renditions, paths, compute)
    return paths


def load_embeddings(
    renditions: list[PieceRendering], cache: Path
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Load MusiCNN's window ends in seconds, (n,), and embeddings, (n, 200); compute missing ones.

    Raises
    ------
    FileNotFoundError
        The teacher's ONNX file is missing.
    ValueError
        A cached file is damaged.
    """
    if not renditions:
        return []
    model = cache / "musicnn.onnx"
    folder = cache / "musicnn" / teacher.digest(model)
    return _load_teacher("MusiCNN embeddings", renditions, folder, _ComputeEmbeddings(model))


def _load_teacher(
    title: str, renditions: list[PieceRendering], folder: Path, compute: Compute
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Load window ends and outputs of a teacher; compute missing ones."""
    paths = [_path(folder, *one, ".npz") for one in renditions]
    _compute_missing(f"Computing {title}", renditions, paths, compute)
    loaded = []
    for path in paths:
        try:
            with np.load(path) as content:
                loaded.append((content["ends"], content["outputs"].astype(np.float32)))
        except (OSError, ValueError, KeyError) as error:
            raise _damaged(path, error) from None
    return loaded


def load_tags(
    renditions: list[PieceRendering], tagger: Tagger, cache: Path
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Load YAMNet's window ends in seconds, (n,), and log-odds, (n, classes); compute missing ones.

    Raises
    ------
    ValueError
        A cached file is damaged.
    """
    compute = _ComputeTags(tagger)
    return _load_teacher("YAMNet classes", renditions, cache / "yamnet" / tagger.digest, compute)


def load_egemaps(renditions: list[PieceRendering], cache: Path) -> list[NDArray[np.float64]] | None:
    """Load openSMILE's eGeMAPS functionals, each (88,); None if openSMILE is not installed."""
    if importlib.util.find_spec("opensmile") is None:
        return None
    paths = [_path(cache / "egemaps", *one, ".npy") for one in renditions]
    _compute_missing("Computing eGeMAPS", renditions, paths, _compute_egemaps)
    return [np.load(path) for path in paths]


def _load_precomputed(renditions: list[PieceRendering]) -> list[Rendition]:
    """Load precomputed views unchanged, as float32: their scaling is not known."""
    arrays: dict[Path, NDArray[np.float32]] = {}

    def frames_of(path: Path, row: int) -> NDArray[np.float32]:
        if path not in arrays:
            arrays[path] = np.load(path, mmap_mode="r")
        frames: NDArray[np.float32] = arrays[path][row].T.astype(np.float32)
        return frames

    loaded = []
    for piece, rendering in renditions:
        if not isinstance(piece.source, PrecomputedViews):
            raise TypeError(f"{piece.name} of {piece.dataset} is audio, among precomputed views")
        source = piece.source
        views = frames_of(source.mel, source.row), frames_of(source.cochleagram, source.row)
        loaded.append(Rendition(piece, rendering, np.concatenate(views, axis=1)))
    return loaded


@dataclass(frozen=True)
class _ComputeFrames:
    spec: FrontEndSpec

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        frames = FrontEnd(self.spec).push(load_audio(piece, rendering, self.spec.sample_rate))
        np.save(file, np.concatenate(frames, axis=1).astype(np.float16))


@dataclass(frozen=True)
class _ComputeEmbeddings:
    model: Path

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        ends, embeddings = teacher.embed(load_audio(piece, rendering, teacher.RATE), self.model)
        np.savez(file, ends=ends, outputs=embeddings.astype(np.float16))


@dataclass(frozen=True)
class _ComputeTags:
    tagger: Tagger

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        ends, log_odds = self.tagger.tag(load_audio(piece, rendering, teacher.RATE))
        np.savez(file, ends=ends, outputs=log_odds.astype(np.float16))


def _compute_egemaps(piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
    import opensmile  # the extra `peers`; its licence allows research only

    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )
    audio = load_audio(piece, rendering, teacher.RATE)
    np.save(file, smile.process_signal(audio, teacher.RATE).to_numpy()[0].astype(np.float64))


def _digest(spec: FrontEndSpec) -> str:
    """Digest of the front end without its window length, which changes no frame."""
    return replace(spec, window_frames=0).digest


def _shard_folder(cache: Path, spec: FrontEndSpec) -> Path:
    return cache / "packed" / _digest(spec)


def _path(folder: Path, piece: Piece, rendering: Rendering, suffix: str) -> Path:
    return folder / f"{_key(piece, rendering)}{suffix}"


def _key(piece: Piece, rendering: Rendering) -> str:
    """Cache key of a rendition: data set and a hash of everything that changes its audio."""
    segment = f"|{piece.start}|{piece.end}" if piece.start or piece.end else ""
    varied = rendering.transpose or rendering.tempo != 1.0
    variation = f"|{rendering.transpose}|{rendering.tempo}" if varied else ""
    variation += f"|x{rendering.speed}" if rendering.speed != 1.0 else ""
    variation += f"|{rendering.venue}" if rendering.venue else ""
    mixed = f"|{_key(piece.mixed_with, rendering)}" if piece.mixed_with else ""
    identity = f"{piece.name}{segment}|{rendering.sound_font}{variation}{mixed}"
    return f"{piece.dataset}/{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


def _open_frames(path: Path, spec: FrontEndSpec) -> NDArray[np.float16]:
    try:
        frames: NDArray[np.float16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, error) from None
    return _check_shape(frames, path, spec)


def _check_shape(
    frames: NDArray[np.float16], path: Path, spec: FrontEndSpec
) -> NDArray[np.float16]:
    if frames.ndim != 2 or frames.shape[1] != spec.mel_bands + spec.gammatone_channels:
        raise _damaged(path, f"shape {frames.shape} is not that of frames")
    return frames


def _damaged(path: Path, cause: object) -> ValueError:
    return ValueError(f"cannot read {path}: it is damaged ({cause}); delete it")


def _compute_missing(
    title: str, renditions: list[PieceRendering], paths: list[Path], compute: Compute
) -> None:
    """Compute missing files on all cores, sorted so that a process loads a sound font once."""
    missing = [
        (compute, *one, path)
        for one, path in zip(renditions, paths, strict=True)
        if not path.exists()
    ]
    if not missing:
        return
    missing.sort(key=lambda job: job[2].sound_font)
    # Each rank starts at another place of the list and skips what another rank has written by then.
    rank, world_size = (int(os.environ.get(key, "0")) for key in ("RANK", "WORLD_SIZE"))
    start = len(missing) * rank // max(world_size, 1)
    jobs = missing[start:] + missing[:start]
    with ProcessPoolExecutor() as pool:
        for _ in track(pool.map(_write, jobs), description=title, total=len(jobs)):
            pass


def _write(job: tuple[Compute, Piece, Rendering, Path]) -> None:
    """Compute one file atomically, unless another process has written it."""
    compute, piece, rendering, path = job
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{socket.gethostname()}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            compute(piece, rendering, file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.rename(path)

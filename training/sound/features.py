"""What is computed of each piece once: frames of both views, memory-mapped, and embeddings.

Frames: a file a rendering, float16, shape (frames, mel_bands + gammatone_channels), the Mel columns
first, in a folder named by the digest of the front end's numbers, so that another front end never
meets old frames; or packed into shards, which are looked at first. Embeddings of MusiCNN: an .npz a
rendering.
"""

import hashlib
import importlib.util
import os
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece, ReadyViews
from training.fitting.recipe import FitRecipe
from training.sound import teacher
from training.sound.render import Rendering, sound_of
from training.sound.shards import find_shards, pack, read_stretch

RECORDED = Rendering()


@dataclass(frozen=True, slots=True)
class Rendition:
    """One sounding version of a piece.

    Attributes
    ----------
    piece
        What is played.
    rendering
        How.
    frames
        Shape (frames, mel_bands + gammatone_channels): memory-mapped float16, or float32 if ready.
    """

    piece: Piece
    rendering: Rendering
    frames: NDArray[np.floating[Any]]

    def seconds(self, spec: FrontEndSpec) -> float:
        """Length in seconds."""
        return len(self.frames) * spec.hop / spec.sample_rate

    def labels_at(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Valence and arousal at times in seconds of this rendition, (n, 2)."""
        return self.piece.labels_at(times * self.rendering.tempo)


Work = tuple[Piece, Rendering]


def in_every(pieces: list[Piece], renderings: list[Rendering]) -> list[Work]:
    """Give each piece every rendering; recorded sound has one."""
    return [
        (piece, rendering)
        for piece in pieces
        for rendering in (renderings if piece.is_midi else [RECORDED])
    ]


def in_turn(pieces: list[Piece], renderings: list[Rendering]) -> list[Work]:
    """Give each piece one rendering only, in turn within its data set.

    Which one depends on the pieces before it, so it is done before any split.
    """
    counts: Counter[str] = Counter()
    work = []
    for piece in pieces:
        if piece.is_midi and not renderings:
            raise ValueError(f"{piece.dataset} is MIDI, and the recipe has no renderings for it")
        place = counts[piece.dataset] % len(renderings) if piece.is_midi else 0
        counts[piece.dataset] += 1
        work.append((piece, renderings[place] if piece.is_midi else RECORDED))
    return work


def training_work(recipe: FitRecipe, pieces: list[Piece]) -> list[Work]:
    """List what is fitted to: pieces in every rendering and variation, auxiliary ones in one."""
    own = [piece for piece in pieces if piece.dataset in recipe.datasets]
    auxiliary = [piece for piece in pieces if piece.dataset in recipe.auxiliary]
    renderings = [*recipe.renderings, *recipe.variations]
    return in_every(own, renderings) + in_turn(auxiliary, renderings)


def pool_work(recipe: FitRecipe, pieces: list[Piece]) -> list[Work]:
    """List what is heard without labels, scores in one rendering in turn."""
    names = recipe.pcl.pool if recipe.pcl else []
    pool = [piece for piece in pieces if piece.dataset in names]
    return in_turn(pool, [*recipe.renderings, *recipe.variations])


def judged_work(recipe: FitRecipe, pieces: list[Piece]) -> list[Work]:
    """List what is judged: pieces in every rendering; auxiliary ones as they are fitted to."""
    own = [piece for piece in pieces if piece.dataset in recipe.datasets]
    auxiliary = [piece for piece in pieces if piece.dataset in recipe.auxiliary]
    renderings = [*recipe.renderings, *recipe.variations]
    return in_every(own, recipe.renderings) + in_turn(auxiliary, renderings)


def open_frames(work: list[Work], spec: FrontEndSpec, cache: Path) -> list[Rendition]:
    """Open the frames of pieces in given renderings, computing what is missing.

    Raises
    ------
    ValueError
        A piece cannot be heard, or its frames or a shard in the cache are damaged; the message
        names the file.
    """
    ready = [isinstance(piece.source, ReadyViews) for piece, _ in work]
    if work and {*ready} != {spec.origin == "external"}:
        raise ValueError('a recipe has origin = "external" for ready views, and for nothing else')
    if work and ready[0]:
        return _ready(work)
    packed = find_shards(_packed(cache, spec))
    single = [one for one in work if _key(*one) not in packed]
    paths = iter(compute_frames("Hearing", single, spec, cache, _Hear(spec)))
    renditions = []
    for one in work:
        if stretch := packed.get(_key(*one)):
            frames = _checked(read_stretch(stretch), stretch.shard, spec)
        else:
            frames = _open(next(paths), spec)
        renditions.append(Rendition(*one, frames))
    return renditions


def part_of(work: list[Work], number: int, parts: int) -> list[Work]:
    """Give part `number`, from 1, of the different renditions, the same on every machine.

    Parts differ by one rendition at most, and their lengths by chance: the order is that of hashes.
    """
    by_key = {_key(*one): one for one in work}
    return [by_key[key] for key in sorted(by_key)[number - 1 :: parts]]


def pack_frames(renditions: list[Rendition], spec: FrontEndSpec, cache: Path) -> list[Path]:
    """Pack frames, each rendition's once, into shards of a cache; give the shards that are new."""
    named = ((_key(one.piece, one.rendering), one.frames) for one in renditions)
    return pack(named, _packed(cache, spec))


def _packed(cache: Path, spec: FrontEndSpec) -> Path:
    return cache / "packed" / replace(spec, window_frames=0).digest


def compute_frames(
    title: str, work: list[Work], spec: FrontEndSpec, cache: Path, compute: "Compute"
) -> list[Path]:
    """Compute the frames that are not in the cache; give the files of all."""
    folder = cache / "frames" / replace(spec, window_frames=0).digest
    paths = [_path(folder, *one, ".npy") for one in work]
    _compute_missing(title, work, paths, compute)
    return paths


def _ready(work: list[Work]) -> list[Rendition]:
    """Take ready views as they are, in single precision: their scaling is their maker's."""
    arrays: dict[Path, NDArray[np.float32]] = {}

    def row(path: Path, number: int) -> NDArray[np.float32]:
        if path not in arrays:
            arrays[path] = np.load(path, mmap_mode="r")
        frames: NDArray[np.float32] = arrays[path][number].T.astype(np.float32)
        return frames

    renditions = []
    for piece, rendering in work:
        if not isinstance(piece.source, ReadyViews):
            raise TypeError(f"{piece.name} of {piece.dataset} is sound, among ready views")
        source = piece.source
        views = row(source.mel, source.row), row(source.cochleagram, source.row)
        renditions.append(Rendition(piece, rendering, np.concatenate(views, axis=1)))
    return renditions


def open_embeddings(
    work: list[Work], cache: Path
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Open MusiCNN's embeddings (ends in seconds, (n, 200)), computing what is missing."""
    paths = [_path(cache / "musicnn", *one, ".npz") for one in work]
    _compute_missing("Asking MusiCNN", work, paths, _Embed(cache / "musicnn.onnx"))
    opened = []
    for path in paths:
        try:
            with np.load(path) as content:
                opened.append((content["ends"], content["embeddings"].astype(np.float32)))
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error}); delete it") from None
    return opened


def open_functionals(work: list[Work], cache: Path) -> list[NDArray[np.float64]] | None:
    """Open openSMILE's eGeMAPS functionals, each (88,); None where openSMILE is not installed."""
    if importlib.util.find_spec("opensmile") is None:
        return None
    paths = [_path(cache / "egemaps", *one, ".npy") for one in work]
    _compute_missing("eGeMAPS", work, paths, _describe)
    return [np.load(path) for path in paths]


@dataclass(frozen=True)
class _Hear:
    spec: FrontEndSpec

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        frames = FrontEnd(self.spec).push(sound_of(piece, rendering, self.spec.sample_rate))
        np.save(file, np.concatenate(frames, axis=1).astype(np.float16))


@dataclass(frozen=True)
class _Embed:
    model: Path

    def __call__(self, piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
        ends, embeddings = teacher.embed(sound_of(piece, rendering, teacher.RATE), self.model)
        np.savez(file, ends=ends, embeddings=embeddings.astype(np.float16))


def _describe(piece: Piece, rendering: Rendering, file: BinaryIO) -> None:
    import opensmile  # the extra `peers`; its licence is for research only

    features = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1
    )
    sound = sound_of(piece, rendering, teacher.RATE)
    np.save(file, features.process_signal(sound, teacher.RATE).to_numpy()[0].astype(np.float64))


def _path(folder: Path, piece: Piece, rendering: Rendering, suffix: str) -> Path:
    return folder / f"{_key(piece, rendering)}{suffix}"


def _key(piece: Piece, rendering: Rendering) -> str:
    """Name what sounds: data set and a hash of the rest."""
    segment = f"|{piece.start}|{piece.end}" if piece.start or piece.end else ""
    varied = rendering.transpose or rendering.tempo != 1.0
    how = f"|{rendering.transpose}|{rendering.tempo}" if varied else ""
    how += f"|{rendering.venue}" if rendering.venue else ""
    identity = f"{piece.name}{segment}|{rendering.sound_font}{how}"
    return f"{piece.dataset}/{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


def _open(path: Path, spec: FrontEndSpec) -> NDArray[np.float16]:
    try:
        frames: NDArray[np.float16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it") from None
    return _checked(frames, path, spec)


def _checked(frames: NDArray[np.float16], path: Path, spec: FrontEndSpec) -> NDArray[np.float16]:
    if frames.ndim != 2 or frames.shape[1] != spec.mel_bands + spec.gammatone_channels:
        raise ValueError(f"{path} has shape {frames.shape}, not that of frames; delete it")
    return frames


Compute = Callable[[Piece, Rendering, BinaryIO], None]


def _compute_missing(title: str, work: list[Work], paths: list[Path], compute: Compute) -> None:
    """Write the files that are not there, with every core; a process opens a sound font once."""
    missing = [
        (compute, *one, path) for one, path in zip(work, paths, strict=True) if not path.exists()
    ]
    if not missing:
        return
    missing.sort(key=lambda job: job[2].sound_font)
    # Processes of one run begin at different places, and leave out what another has done by then.
    rank, processes = (int(os.environ.get(key, "0")) for key in ("RANK", "WORLD_SIZE"))
    start = len(missing) * rank // max(processes, 1)
    jobs = missing[start:] + missing[:start]
    with ProcessPoolExecutor() as pool:
        for _ in track(pool.map(_write, jobs), description=title, total=len(jobs)):
            pass


def _write(job: tuple[Compute, Piece, Rendering, Path]) -> None:
    """Compute one file, if nobody has; whole or not at all."""
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

"""Frames of both views for every piece, computed once and memory-mapped.

A file a render: float16, shape (frames, mel_bands + gammatone_channels), the Mel columns first.
They lie in a folder named by the digest of the front end's numbers, so that another front end
never meets old frames.
"""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import Piece
from training.fitting.recipe import Recipe
from training.sound.render import decode, find_sound_font, render_midi

MIDI_SUFFIXES = {".mid", ".midi"}


@dataclass(frozen=True, slots=True)
class Rendition:
    """One sounding version of a piece.

    Attributes
    ----------
    piece
        What is played.
    sound_font
        File name of the sound font; empty for recorded sound.
    frames
        Memory-mapped float16, shape (frames, mel_bands + gammatone_channels).
    """

    piece: Piece
    sound_font: str
    frames: NDArray[np.float16]

    def seconds(self, spec: FrontEndSpec) -> float:
        """Length in seconds."""
        return len(self.frames) * spec.hop / spec.sample_rate


def renditions(
    pieces: list[Piece], sound_fonts: list[str], spec: FrontEndSpec, cache: Path
) -> list[Rendition]:
    """Open the frames of all pieces, MIDI with each sound font, computing what is missing."""
    jobs = [
        (piece, font)
        for piece in pieces
        for font in (sound_fonts if piece.source.suffix.lower() in MIDI_SUFFIXES else [""])
    ]
    paths = [_path(piece, font, spec, cache) for piece, font in jobs]
    missing = [
        (piece, font, spec, path)
        for (piece, font), path in zip(jobs, paths, strict=True)
        if not path.exists()
    ]
    if missing:
        missing.sort(key=lambda job: job[1])  # a process opens each sound font once
        with ProcessPoolExecutor() as pool:
            work = pool.map(_compute, missing)
            for _ in track(work, description="Hearing", total=len(missing)):
                pass
    return [
        Rendition(piece, font, np.load(path, mmap_mode="r"))
        for (piece, font), path in zip(jobs, paths, strict=True)
    ]


def auxiliary_renditions(recipe: Recipe, pieces: list[Piece], cache: Path) -> list[Rendition]:
    """Open the frames of auxiliary pieces, each with one sound font only, in turn."""
    fonts = recipe.sound_fonts
    return [
        one
        for k, font in enumerate(fonts)
        for one in renditions(pieces[k :: len(fonts)], [font], recipe.front_end, cache)
    ]


def _path(piece: Piece, font: str, spec: FrontEndSpec, cache: Path) -> Path:
    numbers = replace(spec, window_frames=0).digest
    name = hashlib.sha256(f"{piece.name}|{font}".encode()).hexdigest()[:20]
    return cache / numbers / piece.dataset / f"{name}.npy"


def _compute(job: tuple[Piece, str, FrontEndSpec, Path]) -> None:
    piece, font, spec, path = job
    if font:
        sound = render_midi(piece.source, find_sound_font(font), spec.sample_rate)
    else:
        sound = decode(piece.source, spec.sample_rate)
    frames = FrontEnd(spec).push(sound)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, np.concatenate(frames, axis=1).astype(np.float16))
    partial.rename(path)

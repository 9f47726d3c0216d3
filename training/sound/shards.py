"""Frames of many renditions in few files that travel well and are read where they lie.

A shard is one `.npy` file, float16 and memory-mapped: the frames of its renditions one after the
other. Beside it stands an index of the same name, `.json`: the shard's checksum and, for each
rendition, its first frame and the one after its last. Both are named by the checksum, so that
folders which several machines filled are put together by copying.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHARD_BYTES = 256_000_000
Named = tuple[str, NDArray[np.float16]]


class Stretch(NamedTuple):
    """Where the frames of a rendition lie.

    Attributes
    ----------
    shard
        The file.
    sha256
        Its checksum.
    start, stop
        First frame, and the one after the last.
    """

    shard: Path
    sha256: str
    start: int
    stop: int


def find_shards(folder: Path) -> dict[str, Stretch]:
    """Find what is packed in a folder, by name; nothing where there is no folder.

    Raises
    ------
    ValueError
        An index is damaged; the message names the file.
    """
    found: dict[str, Stretch] = {}
    for index in sorted(folder.glob("*.json")):
        try:
            content = json.loads(index.read_text(encoding="utf-8"))
            for name, (start, stop) in content["renditions"].items():
                place = int(start), int(stop)
                found[name] = Stretch(index.with_suffix(".npy"), content["sha256"], *place)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{index} is damaged ({error}); copy it again") from None
    return found


def read_stretch(stretch: Stretch) -> NDArray[np.float16]:
    """Open the frames of a rendition, (frames, bands), without reading them.

    A shard's checksum is compared once in a process, when the first of it is opened.

    Raises
    ------
    ValueError
        The shard is missing or damaged; the message names the file.
    """
    return _open_shard(stretch.shard, stretch.sha256)[stretch.start : stretch.stop]


@cache
def _open_shard(path: Path, sha256: str) -> NDArray[np.float16]:
    try:
        found = _checksum(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error}); copy it again") from None
    if found != sha256:
        raise ValueError(f"{path} is damaged, its checksum is not that of its index; copy it again")
    shard: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return shard


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(renditions: Iterable[Named], folder: Path, most: int = SHARD_BYTES) -> list[Path]:
    """Write frames (frames, bands), by name, into shards; give their files.

    Parameters
    ----------
    renditions
        What is packed; what the folder has already is left out.
    folder
        Where shards lie.
    most
        Bytes of a shard; one rendition that is longer has a shard of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = find_shards(folder)
    new = (one for one in renditions if one[0] not in known)
    return [_write_shard(group, folder) for group in _groups(new, most)]


def _groups(renditions: Iterable[Named], most: int) -> Iterator[list[Named]]:
    group: list[Named] = []
    size = 0
    for one in renditions:
        if group and size + one[1].nbytes > most:
            yield group
            group, size = [], 0
        group.append(one)
        size += one[1].nbytes
    if group:
        yield group


def _write_shard(group: list[Named], folder: Path) -> Path:
    """Write a shard, then its index, each whole or not at all; without an index it is unseen."""
    stops = np.cumsum([len(frames) for _, frames in group]).tolist()
    shape = (stops[-1], group[0][1].shape[1])
    partial = folder / f"{socket.gethostname()}.{os.getpid()}.partial"
    try:
        with partial.open("wb") as file:
            head = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
            for _, frames in group:
                file.write(np.ascontiguousarray(frames, dtype="<f2").data)
        sha256 = _checksum(partial)
        shard = folder / f"{sha256[:20]}.npy"
        partial.rename(shard)
        spans = zip([0, *stops], stops, strict=False)
        renditions = {name: span for (name, _), span in zip(group, spans, strict=True)}
        partial.write_text(json.dumps({"sha256": sha256, "renditions": renditions}), "utf-8")
        partial.rename(shard.with_suffix(".json"))
    finally:
        partial.unlink(missing_ok=True)
    return shard

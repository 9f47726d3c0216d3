"""Pack frames of many renditions into a few large files that are read in place (memory-mapped).

A shard is one `.npy` file, float16: the frames of its renditions, concatenated. Its index, a
`.json` of the same name, has the SHA-256 of the shard and the frame range of each rendition. Both
are named by the checksum, so that folders of several machines are merged by copying.
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
NamedFrames = tuple[str, NDArray[np.float16]]


class ShardSlice(NamedTuple):
    """Frame range of a rendition in a shard.

    Attributes
    ----------
    shard
        The shard file.
    sha256
        Checksum of the file.
    start, stop
        First frame, and the one after the last.
    """

    shard: Path
    sha256: str
    start: int
    stop: int


def index_shards(folder: Path) -> dict[str, ShardSlice]:
    """Read the indices of a folder: the slice of each packed rendition, by name.

    Empty if the folder does not exist.

    Raises
    ------
    ValueError
        An index is damaged; the message names the file.
    """
    slices: dict[str, ShardSlice] = {}
    for index in sorted(folder.glob("*.json")):
        try:
            content = json.loads(index.read_text(encoding="utf-8"))
            for name, (start, stop) in content["renditions"].items():
                shard = index.with_suffix(".npy")
                slices[name] = ShardSlice(shard, content["sha256"], int(start), int(stop))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"cannot read {index}: it is damaged ({error}); copy it again"
            ) from None
    return slices


def open_slice(shard_slice: ShardSlice) -> NDArray[np.float16]:
    """Memory-map the frames of a rendition, (frames, bands).

    The checksum of a shard is verified once in a process.

    Raises
    ------
    ValueError
        The shard is missing or damaged; the message names the file.
    """
    shard = _open_shard(shard_slice.shard, shard_slice.sha256)
    return shard[shard_slice.start : shard_slice.stop]


@cache
def _open_shard(path: Path, sha256: str) -> NDArray[np.float16]:
    try:
        checksum = _checksum(path)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error}; copy it again") from None
    if checksum != sha256:
        raise ValueError(
            f"cannot read {path}: it is damaged (checksum differs from its index); copy it again"
        )
    shard: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return shard


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(
    renditions: Iterable[NamedFrames], folder: Path, max_bytes: int = SHARD_BYTES
) -> list[Path]:
    """Pack named frames, (frames, bands) each, into shards; return the new shard files.

    Parameters
    ----------
    renditions
        Names and frames; those that the folder already has are skipped.
    folder
        Folder of the shards.
    max_bytes
        Largest size of a shard. A longer rendition gets a shard of its own. Default: 256 MB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = index_shards(folder)
    new = (one for one in renditions if one[0] not in packed)
    return [_write_shard(group, folder) for group in _groups(new, max_bytes)]


def _groups(renditions: Iterable[NamedFrames], max_bytes: int) -> Iterator[list[NamedFrames]]:
    group: list[NamedFrames] = []
    size = 0
    for one in renditions:
        if group and size + one[1].nbytes > max_bytes:
            yield group
            group, size = [], 0
        group.append(one)
        size += one[1].nbytes
    if group:
        yield group


def _write_shard(group: list[NamedFrames], folder: Path) -> Path:
    """Write a shard, then its index, each atomically; a shard without an index is ignored."""
    stops = np.cumsum([len(frames) for _, frames in group]).tolist()
    shape = (stops[-1], group[0][1].shape[1])
    partial = folder / f"{socket.gethostname()}.{os.getpid()}.partial"
    try:
        with partial.open("wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
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

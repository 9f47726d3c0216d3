"""Weights are what they are held to be."""

import hashlib
from pathlib import Path

from damer.weights import shipped_digest
from streamer.errors import EngineError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises
    ------
    EngineError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from None


def verify_weights(path: Path, sha256: str | None = None) -> None:
    """Compare weights with the digest that they must have, before anything reads them.

    Parameters
    ----------
    path
        The weights.
    sha256
        In hexadecimal; without it, shipped weights are compared with what they were shipped with,
        and others are taken as they are.

    Raises
    ------
    EngineError
        They are others, or cannot be read.
    """
    shipped = shipped_digest(path)
    wanted = sha256 or shipped
    if wanted is None:
        return
    found = file_sha256(path)
    if found == wanted.lower():
        return
    if wanted == shipped:
        raise EngineError(f"{path} is damaged or was changed; install streamer anew")
    raise EngineError(
        f"{path} has the SHA-256 {found}, not the one that [engine] digest asks for; "
        "set it to that of the weights you trust"
    )

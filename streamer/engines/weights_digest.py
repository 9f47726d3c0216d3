"""Verify weights by SHA-256."""

import hashlib
from pathlib import Path

from damer.weights import shipped_digest
from streamer.errors import EngineError


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    EngineError
        The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from None


def verify_weights(path: Path, sha256: str | None = None) -> None:
    """Raise unless the weights have the required digest; call before opening them.

    Parameters
    ----------
    path
        Weights.
    sha256
        Required digest, in hexadecimal. Default: for shipped weights the digest they were shipped
        with; other weights are not verified.

    Raises
    ------
    EngineError
        The digest differs, or the file cannot be read.
    """
    shipped = shipped_digest(path)
    required = sha256 or shipped
    if required is None:
        return
    found = file_sha256(path)
    if found == required.lower():
        return
    if required == shipped:
        raise EngineError(f"{path} is damaged or was changed; reinstall streamer")
    raise EngineError(
        f"{path} has the SHA-256 {found}, not the one of [engine] digest; "
        "set digest to that of the weights you trust"
    )

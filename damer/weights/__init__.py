"""The shipped model; its card, licence and digests are in the same folder."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parent / "damer.onnx"


def shipped_digest(path: Path) -> str | None:
    """Return the SHA-256 of a shipped file from `SHA256SUMS`; None for other files."""
    folder = SHIPPED_MODEL.parent
    if path.resolve().parent != folder.resolve():
        return None
    lines = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    digests = {name: digest for digest, name in (line.split() for line in lines)}
    return digests.get(path.name)

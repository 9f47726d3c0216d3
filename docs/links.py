"""Pages that stand outside this folder, and links that lead there.

Pages are written for who reads them as files of the repository; here their links are turned into
those of the site. A link to a page that the site holds leads to it; one to a file that the
reference is written from leads to the reference; one to any other file of the repository becomes
the file's name. What leads nowhere stays as it is, and the build complains.
"""

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]

PAGES = {
    "damer/weights/MODEL_CARD.md": "model-card.md",
    "benchmarks/README.md": "benchmarks.md",
    "deploy/examples/README.md": "examples.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the repository that are pages of the site, and their places there."""

STANDS_FOR = {
    "README.md": "index.md",
    "config.toml": "reference/configuration.md",
    "streamer/config/models.py": "reference/configuration.md",
    "streamer/mqtt/payloads.py": "reference/mqtt.md",
    "streamer/mqtt/commands.py": "reference/mqtt.md",
    "streamer/cli/app.py": "reference/command-line.md",
    "streamer/batch/analysis.py": "reference/analyze.md",
    "streamer/mqtt/__init__.py": "reference/publish.md",
    "damer/views/__init__.py": "reference/views.md",
    "damer/nn/__init__.py": "reference/network.md",
    "training/__init__.py": "reference/training.md",
}
"""Files of the repository, or parts of one, and the page that says what they say."""

_SOURCES = {place: source for source, place in PAGES.items()}
_PARTS = re.compile(
    r"(?P<block>^(?P<fence>[ \t]*(?:```+|~~~+)).*?^(?P=fence)[ \t]*$)"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]`]|`[^`\n]*`|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)"
    r"|(?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))",
    re.MULTILINE | re.DOTALL,
)


def outside() -> dict[str, str]:
    """Return the text of each page that stands outside, by its place in the site."""
    texts = {place: (ROOT / source).read_text(encoding="utf-8") for source, place in PAGES.items()}
    mark = re.compile(r"^<!--.*-->\n", re.MULTILINE)
    return {place: mark.sub("\n", text) for place, text in texts.items()}


@cache
def pictures() -> dict[str, str]:
    """Return the pictures outside this folder that pages show, and their places in the site."""
    pages = [ROOT / source for source in PAGES] + sorted((ROOT / "docs").glob("*.md"))
    shown = {
        os.path.relpath(os.path.normpath(page.parent / found["target"]), ROOT)
        for page in pages
        for found in _PARTS.finditer(page.read_text(encoding="utf-8"))
        if found["image"] and "://" not in found["target"]
    }
    outside = {path for path in shown if (ROOT / path).is_file() and _in_folder(path) is None}
    return {path: f"pictures/{path.replace('/', '-')}" for path in sorted(outside)}


def turned(markdown: str, place: str) -> str:
    """Return a page whose links are those of the site.

    Parameters
    ----------
    markdown
        The page.
    place
        Where in the site it stands; a page of this folder stands in the same place here.
    """
    source = PurePosixPath(_SOURCES.get(place, f"docs/{place}"))

    def turn(found: re.Match[str]) -> str:
        target = found["target"]
        if target is None or "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path, hash_, anchor = target.partition("#")
        meant = os.path.normpath(source.parent / path)
        told = STANDS_FOR.get(meant + hash_ + anchor) or STANDS_FOR.get(meant)
        inside = told or (PAGES | pictures()).get(meant) or _in_folder(meant)
        if inside is not None:
            there = os.path.relpath(inside, PurePosixPath(place).parent)
            where = there if told else f"{there}{hash_}{anchor}"
            return f"{found['image']}[{found['text']}]({where})"
        if (ROOT / meant).exists() and not found["image"]:
            return _named(found["text"], meant)
        return found[0]

    return _PARTS.sub(turn, markdown)


def _in_folder(meant: str) -> str | None:
    """Return the place of a file of this folder; files of the reference are here when it is built.

    Others are none of the site's.
    """
    path = PurePosixPath(meant)
    return str(path.relative_to("docs")) if path.parts[:1] == ("docs",) else None


def _named(text: str, path: str) -> str:
    """Return the name of a file in place of a link to it, after the words that named it."""
    plain = text.replace("`", "")
    if path == plain or path.endswith(f"/{plain}"):
        return f"`{path}`"
    return f"{text} (`{path}`)"

"""Check that the names in CONTRIBUTING.md's glossary exist in the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def glossary() -> list[tuple[str, str]]:
    """Return the terms and their names in the code."""
    _, _, table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Glossary")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    return [(row[1].strip(), row[3].strip().strip("`")) for row in rows[1:] if "---" not in row[1]]


def code() -> str:
    return "\n".join(
        file.read_text(encoding="utf-8")
        for package in ("damer", "streamer", "training")
        for file in (ROOT / package).rglob("*.py")
    )


def test_every_name_in_the_glossary_is_in_the_code():
    text = code()
    missing = [name for _, name in glossary() if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert missing == []


def test_terms_are_in_alphabetical_order_and_unique():
    terms = [term.lower() for term, _ in glossary()]
    assert terms == sorted(set(terms))
    assert len(terms) >= 60


@pytest.mark.parametrize(
    "path", re.findall(r"`(streamer/[\w/]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text())
)
def test_every_file_listed_in_the_guide_exists(path):
    assert (ROOT / path).is_file()

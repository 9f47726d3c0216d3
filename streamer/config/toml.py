"""TOML in a time that grows with its length."""

import re
import tomllib
from typing import Any

from streamer import limits

_PART = r"""(?>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.){0,100}"|'[^'\n]{0,100}')"""
_LONG_KEY = re.compile(
    rf"(?:^|[\[{{,])(?>[ \t]*){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{limits.KEY_PARTS}}}", re.MULTILINE
)


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a file in TOML says.

    The time that `tomllib` takes grows with the square of a key's parts.

    Raises
    ------
    ValueError
        It is no TOML, or has a key of more than `limits.KEY_PARTS` parts.
    RecursionError
        It is nested too deeply.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {limits.KEY_PARTS} parts")
    return tomllib.loads(text)

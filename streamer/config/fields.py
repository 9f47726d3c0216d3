"""Field types and the base class that all configuration models share."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        json_schema_extra={
            "words": "lower-case letters, digits and single hyphens, at most 64 characters"
        },
    ),
]
"""One level of an MQTT topic."""

Sha256 = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Fa-f]{64}$",
        json_schema_extra={"words": "64 hexadecimal digits, as sha256sum prints them"},
    ),
]
"""SHA-256 digest of a file, in hexadecimal."""


def _reject_nul(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    return path


File = Annotated[Path, AfterValidator(_reject_nul)]
"""Path of a file or folder."""


def check_topic(topic: str) -> str:
    """Return a topic unchanged; raise ValueError for wildcards and control characters."""
    wildcards = set(topic) & set("+#")
    if wildcards or topic.strip("/") != topic or not topic.isprintable() or not topic:
        raise ValueError(
            "a base topic has no '+' or '#', no control character, and no '/' at its ends"
        )
    return topic


class Table(BaseModel):
    """A table of the configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

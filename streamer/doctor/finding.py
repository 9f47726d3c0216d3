"""Result of one check."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
"""`warn`: a run works, but not as intended. `fail`: a run does not start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    subject
        What was checked.
    level
        Result of the check.
    seen
        What was found, on one line.
    advice
        Remedy; empty if none is needed.
    """

    subject: str
    level: Level
    seen: str
    advice: str = ""

    @classmethod
    def from_error(cls, subject: str, error: Exception) -> "Finding":
        """Make a failure from a `StreamerError`; the text after its `;` becomes the advice."""
        seen, _, advice = str(error).partition("; ")
        return cls(subject, "fail", seen, advice)

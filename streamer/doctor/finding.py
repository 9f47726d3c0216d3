"""What a check found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
"""`warn`: it runs, but someone should know. `fail`: it does not run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes
    ----------
    subject
        What was looked at.
    level
        How it is.
    seen
        What was seen, in one line.
    advice
        What to do about it; empty where nothing is to be done.
    """

    subject: str
    level: Level
    seen: str
    advice: str = ""

    @classmethod
    def from_error(cls, subject: str, error: Exception) -> "Finding":
        """Make a failure of an error of ours, whose message says after `;` what to do."""
        seen, _, advice = str(error).partition("; ")
        return cls(subject, "fail", seen, advice)

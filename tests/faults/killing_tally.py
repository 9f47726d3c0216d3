"""Results of the crash test."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts and timings of all kills."""

    moments: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    starts: list[float] = field(default_factory=list)
    compiled: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    recordings: int = 0
    unfinished: int = 0
    sounds: int = 0
    rows: int = 0
    replayed: int = 0
    problems: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Return the results as a Markdown table."""
        starts = sorted(self.starts) or [0.0]
        compiled = sorted(self.compiled) or [0.0]
        processor = sorted(self.processor) or [0.0]
        lines = [
            "| killed | times |", "|---|---|",
            *(f"| {moment} | {times} |" for moment, times in sorted(self.moments.items())),
            "", "| | |", "|---|---|",
            f"| kills | {self.kills} ({', '.join(f'{n} {k}' for k, n in self.kinds.items())}) |",
            f"| starts afterwards that published | {len(self.starts) + len(self.compiled)} |",
            f"| seconds to the first estimate, median | {starts[len(starts) // 2]:.1f} |",
            f"| seconds to the first estimate, most | {starts[-1]:.1f} |",
            f"| processor seconds until then, median | {processor[len(processor) // 2]:.1f} |",
            f"| starts with nothing compiled | {len(self.compiled)} |",
            f"| seconds to the first estimate, most of those | {compiled[-1]:.1f} |",
            f"| journals read as they were left | {self.unfinished} |",
            f"| finished recordings read | {self.recordings} |",
            f"| rows in them | {self.rows} |",
            f"| sound files read | {self.sounds} |",
            f"| drawn by `streamer plot` | {self.replayed} |",
            f"| problems, orphans included | {len(self.problems)} |",
        ]  # fmt: skip
        return "\n".join([*lines, *(f"\nPROBLEM {each}" for each in self.problems)])

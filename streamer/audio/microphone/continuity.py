"""Were samples lost between two blocks? No driver flag tells of callbacks that never came."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.audio.clock import JUMP, MAX_DRIFT

SETTLE = 0.2
"""Seconds after which a stall that was not caught up with counts as lost sound."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Heard(Generic[Content]):
    """A block whose place is known.

    Attributes
    ----------
    content
        The block as it was given.
    lost
        Frames that were lost before it.
    late
        Seconds by which it arrived later than the promptest ones.
    """

    content: Content
    lost: int
    late: float


class Continuity(Generic[Content]):
    """Tells a stall from a loss by whether the sound catches up.

    A stall of the machine or of a sound server delays blocks, which then arrive in a burst: nothing
    is missing. Where they stay late, the sound of the time between was lost. A block that is
    `clock.JUMP` late is therefore held until it is known which; all others pass at once.

    Parameters
    ----------
    rate
        Frames per second, nominal.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._expected: int | None = None
        self._prompt: float | None = None  # arrival minus sound time of the promptest blocks
        self._last = 0.0
        self._held: list[tuple[Content, int, float]] = []
        self._held_since = 0.0

    def push(
        self, content: Content, first: int, frames: int, now: float, *, overflow: bool = False
    ) -> list[Heard[Content]]:
        """Take the next block; give those whose place is known now.

        Parameters
        ----------
        content
            The block, passed through.
        first, frames
            Number of its first frame as the recorder counts, and its frames.
        now
            `time.monotonic()` when it arrived.
        overflow
            Whether the driver says that sound was lost before it; at least one frame was.
        """
        lost = 0 if self._expected is None else first - self._expected
        lost = max(lost, int(overflow))
        self._expected = first + frames
        offset = now - self._expected / self._rate
        if self._prompt is None:
            self._prompt = offset
        self._prompt = min(self._prompt + MAX_DRIFT * max(now - self._last, 0.0), offset)
        self._last = now
        late = offset - self._prompt
        if not self._held:
            self._held_since = now
        self._held.append((content, lost, late))
        if late <= JUMP:
            return self._release()
        if now - self._held_since < SETTLE:
            return []
        missing = min(late for _, _, late in self._held)
        self._prompt += missing
        return self._release(missing)

    def _release(self, missing: float = 0.0) -> list[Heard[Content]]:
        held, self._held = self._held, []
        extra = [round(missing * self._rate), *[0] * (len(held) - 1)]
        return [
            Heard(content, lost + more, max(late - missing, 0.0))
            for (content, lost, late), more in zip(held, extra, strict=True)
        ]

"""What a room does to the estimates, undone."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from streamer.tracking.update import Affect

LEAST_SCALE, MOST_SCALE, MOST_OFFSET = 0.5, 2.0, 0.5


class Line(BaseModel):
    """A straight line: `offset + scale * value`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    offset: Annotated[float, Field(ge=-MOST_OFFSET, le=MOST_OFFSET)] = 0.0
    scale: Annotated[float, Field(ge=LEAST_SCALE, le=MOST_SCALE)] = 1.0

    def __call__(self, value: float) -> float:
        """Return the point of the line over `value`, held within [-1, 1]."""
        return min(1.0, max(-1.0, self.offset + self.scale * value))


class Correction(BaseModel):
    """A line for each axis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    valence: Line = Line()
    arousal: Line = Line()

    def __call__(self, affect: Affect) -> Affect:
        """Return the estimate as it were without the room."""
        return Affect(
            self.valence(affect.valence),
            self.arousal(affect.arousal),
            affect.valence_std * self.valence.scale,
            affect.arousal_std * self.arousal.scale,
        )

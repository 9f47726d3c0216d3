"""How a place in a recording is told."""


def clock(seconds: float) -> str:
    """Return a length of time as it is shown: "0:07", "72:30" (minutes and seconds)."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"

"""Canvas of character cells: text, Braille dots (2 x 4 per cell), and the styles to draw in.

Colors are of medium brightness, legible on dark and on light terminals.
"""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

PLAIN = Style.null()
TEXT = Style(bold=True)
GREY = Style(color="#858585")
GOOD = Style(color="#2f9e63")
WARN = Style(color="#cc7a00")
BAD = Style(color="#d9483b")
VALENCE = Style(color="#a764d6")
AROUSAL = Style(color="#1b98a3")

_GREY = (0x85, 0x85, 0x85)
_MOODS = {
    "tense": (0xD9, 0x48, 0x3B),
    "excited": (0xCC, 0x7A, 0x00),
    "sad": (0x4B, 0x7F, 0xD1),
    "calm": (0x2F, 0x9E, 0x63),
    "neutral": _GREY,
}


def _blend(mood: str, grey: float, *, bold: bool = False) -> Style:
    """Return a mood's color mixed with grey, 0 (pure) to 1 (grey)."""
    channels = zip(_MOODS[mood], _GREY, strict=True)
    red, green, blue = (round((1 - grey) * color + grey * other) for color, other in channels)
    return Style(color=f"#{red:02x}{green:02x}{blue:02x}", bold=bold)


MOOD_STYLES = {mood: _blend(mood, 0.0, bold=True) for mood in _MOODS}
"""Color of a mood word, and of the point in its quadrant."""

TRAIL_STYLES = {mood: [_blend(mood, grey) for grey in (0.0, 0.4, 0.7, 1.0)] for mood in _MOODS}
"""Colors of the trail in a quadrant, the most recent first."""

_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """Grid of cells, each with a character and a style; drawing outside is clipped.

    Parameters
    ----------
    width, height
        Size in cells.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._characters = [[" "] * width for _ in range(height)]
        self._styles = [[PLAIN] * width for _ in range(height)]

    def text(self, x: int, y: int, text: str, style: Style = PLAIN) -> int:
        """Write `text` from cell (x, y) to the right; return the cell after it."""
        size = len(text)
        if x >= 0 and text.isprintable() and cell_len(text) == size <= self.width - x:
            if 0 <= y < self.height:
                self._characters[y][x : x + size] = text
                self._styles[y][x : x + size] = [style] * size
            return x + size
        for character in text:
            size = cell_len(character) if character.isprintable() else 1
            if size and x >= 0 and x + size <= self.width and 0 <= y < self.height:
                self.put(x, y, character if character.isprintable() else "?", style)
                if size == 2:
                    self.put(x + 1, y, "", style)
            x += size
        return x

    def text_right(self, end: int, y: int, text: str, style: Style = PLAIN) -> int:
        """Write `text` right-aligned before cell `end`; return its first cell."""
        start = end - cell_len(text)
        self.text(start, y, text, style)
        return start

    def put(self, x: int, y: int, character: str, style: Style = PLAIN) -> None:
        """Set one cell, which must be inside; the character is one cell wide."""
        self._characters[y][x] = character
        self._styles[y][x] = style

    def rows(self) -> Iterator[list[Segment]]:
        """Yield the rows as segments of one style."""
        for characters, styles in zip(self._characters, self._styles, strict=True):
            row, start, current = [], 0, styles[0]
            for end, style in enumerate(styles):
                if style is not current:
                    row.append(Segment("".join(characters[start:end]), current))
                    start, current = end, style
            row.append(Segment("".join(characters[start:]), current))
            yield row

    def lines(self) -> list[str]:
        """Return the rows as text without styles."""
        return ["".join(characters) for characters in self._characters]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for row in self.rows():
            yield from row
            yield Segment.line()


class Dots:
    """Braille plot in a rectangle of a canvas; `flush` draws it over the cells.

    The origin is the upper left: x in 0..2*width-1, y in 0..4*height-1. A cell has one style, that
    of its last dot.
    """

    def __init__(self, canvas: Canvas, x: int, y: int, width: int, height: int) -> None:
        self._canvas = canvas
        self._x, self._y = x, y
        self.width, self.height = 2 * width, 4 * height
        self._columns = width
        self._bits = [0] * (width * height)
        self._styles = [PLAIN] * (width * height)

    def plot(self, x: int, y: int, style: Style) -> None:
        """Set one dot; ignore it outside the rectangle."""
        if 0 <= x < self.width and 0 <= y < self.height:
            cell = (y >> 2) * self._columns + (x >> 1)
            self._bits[cell] |= _BITS[y & 3][x & 1]
            self._styles[cell] = style

    def line(self, x0: int, y0: int, x1: int, y1: int, style: Style) -> None:
        """Set the dots of a line between two points."""
        dx, dy = x1 - x0, y1 - y0
        steps = max(abs(dx), abs(dy))
        for step in range(steps):
            self.plot(x0 + round(dx * step / steps), y0 + round(dy * step / steps), style)
        self.plot(x1, y1, style)

    def flush(self) -> None:
        """Draw the dots on the canvas."""
        for cell, bits in enumerate(self._bits):
            if bits:
                y, x = divmod(cell, self._columns)
                character = chr(_BRAILLE + bits)
                self._canvas.put(self._x + x, self._y + y, character, self._styles[cell])


def shortened(text: str, width: int) -> str:
    """Return `text`, truncated with an ellipsis if it is wider than `width` cells."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[:-1]
    return text + "…" if width > 0 else ""

"""A grid of character cells to draw on: text, and dots in Braille (2 x 4 a cell)."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

PLAIN = Style.null()
_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """Cells with a character and a style each; what does not fit is cut off.

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
        """Write `text` so that it ends before cell `end`; return the cell where it begins."""
        start = end - cell_len(text)
        self.text(start, y, text, style)
        return start

    def put(self, x: int, y: int, character: str, style: Style = PLAIN) -> None:
        """Write one character of one cell's width that is known to be inside."""
        self._characters[y][x] = character
        self._styles[y][x] = style

    def rows(self) -> Iterator[list[Segment]]:
        """Yield the rows, each as runs of one style."""
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
    """A rectangle of a canvas to plot dots in; `flush` writes them over what is there.

    Dots count from the upper left: x in 0..2*width-1, y in 0..4*height-1. A cell has one style,
    that of its last dot.
    """

    def __init__(self, canvas: Canvas, x: int, y: int, width: int, height: int) -> None:
        self._canvas = canvas
        self._x, self._y = x, y
        self.width, self.height = 2 * width, 4 * height
        self._columns = width
        self._bits = [0] * (width * height)
        self._styles = [PLAIN] * (width * height)

    def plot(self, x: int, y: int, style: Style) -> None:
        """Set one dot; outside the rectangle, none."""
        if 0 <= x < self.width and 0 <= y < self.height:
            cell = (y >> 2) * self._columns + (x >> 1)
            self._bits[cell] |= _BITS[y & 3][x & 1]
            self._styles[cell] = style

    def line(self, x0: int, y0: int, x1: int, y1: int, style: Style) -> None:
        """Set the dots from one point to another."""
        across, down = x1 - x0, y1 - y0
        steps = max(abs(across), abs(down))
        for step in range(steps):
            self.plot(x0 + round(across * step / steps), y0 + round(down * step / steps), style)
        self.plot(x1, y1, style)

    def flush(self) -> None:
        """Write the dots to the canvas."""
        for cell, bits in enumerate(self._bits):
            if bits:
                y, x = divmod(cell, self._columns)
                character = chr(_BRAILLE + bits)
                self._canvas.put(self._x + x, self._y + y, character, self._styles[cell])


def shortened(text: str, width: int) -> str:
    """Return `text`, cut at its end with an ellipsis where it needs more than `width` cells."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[:-1]
    return text + "…" if width > 0 else ""

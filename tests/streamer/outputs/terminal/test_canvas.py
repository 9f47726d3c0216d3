"""Text and dots on a canvas of terminal cells, cut at its edges."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style

from streamer.outputs.terminal.canvas import Canvas, Dots, shortened

RED = Style(color="red")


def test_text_is_written_at_its_position():
    canvas = Canvas(6, 2)
    assert canvas.text(1, 1, "abc", RED) == 4
    assert canvas.lines() == ["      ", " abc  "]


def test_right_aligned_text_ends_at_its_column():
    canvas = Canvas(6, 1)
    assert canvas.text_right(6, 0, "abc") == 3
    assert canvas.lines() == ["   abc"]


@given(st.integers(-8, 12), st.integers(-3, 5), st.text(max_size=12))
def test_no_text_changes_the_width_of_a_row(x, y, text):
    canvas = Canvas(7, 3)
    canvas.text(x, y, text)
    for line in canvas.lines():
        assert cell_len(line) == 7
        assert line.isprintable()


def test_control_characters_do_not_reach_the_terminal():
    canvas = Canvas(8, 1)
    canvas.text(0, 0, "a\x1b[2Jb")
    assert canvas.lines() == ["a?[2Jb  "]


def test_a_run_of_one_style_is_one_segment():
    canvas = Canvas(6, 1)
    canvas.text(2, 0, "ab", RED)
    assert [segment.text for segment in next(canvas.rows())] == ["  ", "ab", "  "]


def test_it_can_be_printed():
    canvas = Canvas(4, 2)
    canvas.text(0, 0, "abcd")
    console = Console(file=io.StringIO(), width=4)
    console.print(canvas)
    assert console.file.getvalue().split("\n")[:2] == ["abcd", "    "]


def test_dots_are_two_by_four_in_a_cell():
    canvas = Canvas(3, 1)
    dots = Dots(canvas, 1, 0, 1, 1)
    dots.plot(0, 0, RED)
    dots.plot(1, 3, RED)
    dots.flush()
    assert canvas.lines() == [" ⢁ "]


def test_a_line_joins_its_ends():
    canvas = Canvas(2, 1)
    dots = Dots(canvas, 0, 0, 2, 1)
    dots.line(0, 3, 3, 0, RED)
    dots.flush()
    assert canvas.lines() == ["⡠⠊"]


def test_dots_outside_are_not_drawn():
    canvas = Canvas(2, 1)
    dots = Dots(canvas, 0, 0, 1, 1)
    for x, y in ((-1, 0), (2, 0), (0, -1), (0, 4)):
        dots.plot(x, y, RED)
    dots.flush()
    assert canvas.lines() == ["  "]


def test_long_text_ends_with_an_ellipsis():
    assert shortened("streamer", 8) == "streamer"
    assert shortened("streamer", 5) == "stre…"
    assert shortened("音楽の感情", 5) == "音楽…"
    assert shortened("streamer", 0) == ""

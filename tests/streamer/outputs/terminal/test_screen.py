"""Contents and layout of the live view at every terminal size."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.outputs.terminal.canvas import GREY, MOOD_STYLES
from streamer.outputs.terminal.history import Point
from streamer.outputs.terminal.screen import Scene, ZoneScene, draw
from streamer.tracking.update import Affect, Update

NOW = 1000.0


def points(smooth=Affect(0.42, 0.31, 0.11, 0.09), *, silence=False, warm=1.0, level=-23.4):  # noqa: B008
    update = Update(0, 0.0, 0.0, smooth, smooth, silence=silence, warm=warm, level=level)
    return tuple(Point(NOW - 30 + k / 10, update, 48.0) for k in range(300))


def scene(*zones: ZoneScene, **fields) -> Scene:
    zones = zones or (ZoneScene("main", "demo", points(), 10.0, 48.0),)
    return Scene(
        NOW, zones, "mqtt://studio:1883", "streamer/studio", **{"connected": True} | fields
    )


def text(drawn: Scene, width: int = 80, height: int = 24) -> str:
    return "\n".join(draw(drawn, width, height).lines())


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (64, 18), (200, 60)])
def test_every_value_and_label_is_drawn(width, height):
    screen = text(scene(message="publishing"), width, height)
    for word in (
        *("streamer", "main", "demo", "● mqtt://studio:1883", "tense", "excited", "calm", "sad"),
        *("↑ arousal", "valence →", "+0.42 ± 0.11", "+0.31 ± 0.09", "60 s ago", "now", "-23 dBFS"),
        *("10.0 estimates/s", "latency 48 ms", "topic streamer", "publishing", "Ctrl-C stops"),
    ):
        assert word in screen


@pytest.mark.parametrize("width", [64, 80, 200])
def test_the_dashboards_address_is_at_the_bottom_right(width):
    lines = text(scene(page="http://127.0.0.1:8710"), width).splitlines()
    assert lines[-2].rstrip().endswith("http://127.0.0.1:8710")
    assert "10.0 estimates/s" in lines[-2]


affects = st.builds(Affect, *[st.floats(-1, 1)] * 2, *[st.floats(0, 3)] * 2)
names = st.text(max_size=90)


@settings(max_examples=60)
@given(
    st.integers(1, 150),
    st.integers(1, 50),
    st.lists(affects, max_size=40),
    st.integers(1, 9),
    names,
    st.booleans(),
)
def test_every_screen_has_exactly_the_given_size(width, height, path, zones, name, silence):
    history = tuple(
        Point(
            NOW - len(path) + k,
            Update(k, float(k), 0.0, here, here, silence=silence, warm=0.5, level=-130.0 + 5 * k),
            9.0,
        )
        for k, here in enumerate(path)
    )
    zone = ZoneScene("zone", name, history, 3.0, None)
    drawn = scene(*[zone] * zones)
    canvas = draw(replace(drawn, message=name, broker=name, topic=name, page=name), width, height)
    lines = canvas.lines()
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


def test_before_the_first_update_it_says_that_it_waits():
    screen = text(scene(ZoneScene("main", "demo")))
    assert "waiting for audio" in screen
    assert "latency -" in screen


@pytest.mark.parametrize(
    ("here", "corner"),
    [
        (Affect(0.9, 0.9, 0.01, 0.01), "upper right"),
        (Affect(-0.9, 0.9, 0.01, 0.01), "upper left"),
        (Affect(-0.9, -0.9, 0.01, 0.01), "lower left"),
        (Affect(0.9, -0.9, 0.01, 0.01), "lower right"),
    ],
)
def test_the_point_is_at_its_valence_and_arousal(here, corner):
    lines = draw(scene(ZoneScene("main", "demo", points(here))), 80, 24).lines()
    ((row, column),) = [(y, line.index("●")) for y, line in enumerate(lines) if "●" in line[:35]]
    assert corner == f"{'upper' if row < 11 else 'lower'} {'right' if column > 17 else 'left'}"


def test_the_current_word_has_the_colour_of_its_quadrant():
    rows = draw(
        scene(ZoneScene("main", "demo", points(Affect(-0.5, 0.5, 0.1, 0.1)))), 80, 24
    ).rows()
    styles = {s.text.strip(): s.style for row in rows for s in row if s.text.strip()}
    assert styles["tense"] == MOOD_STYLES["tense"]
    assert styles["calm"] == GREY


def test_a_deviation_is_a_ring_around_the_point():
    def dots(spread):
        here = Affect(-0.5, -0.5, spread, spread)
        lines = draw(scene(ZoneScene("main", "demo", points(here))), 80, 24).lines()
        return sum("\u2800" < c <= "\u28ff" for line in lines for c in line[:35])

    assert dots(0.01) < dots(0.2) < dots(0.4)


def test_silence_is_shown_instead_of_the_mood():
    screen = text(scene(ZoneScene("main", "demo", points(silence=True, level=-71.0))))
    assert "silence" in screen
    assert "○" in screen
    assert "-71 dBFS" in screen


def test_warm_up_is_shown_in_percent():
    assert "warming up  45%" in text(scene(ZoneScene("main", "demo", points(warm=0.45))))
    assert "warming" not in text(scene())


@pytest.mark.parametrize(
    ("connected", "expected"),
    [(True, "● mqtt://"), (False, "○ not connected mqtt://"), (None, "○ connecting mqtt://")],
)
def test_the_broker_is_shown_with_its_state(connected, expected):
    assert expected in text(scene(connected=connected))


def test_missing_updates_are_reported_with_their_duration():
    old = tuple(replace(point, seen=point.seen - 7.0) for point in points())
    assert "no estimates for 7 s" in text(scene(ZoneScene("main", "demo", old)))


def test_louder_audio_lights_more_of_the_meter():
    def lit(level):
        return text(scene(ZoneScene("main", "demo", points(level=level)))).count("━")

    assert lit(-120) == lit(-60) == 0 < lit(-30) < lit(-10) < lit(0) == lit(3)


def test_each_other_zone_has_a_line():
    zones = [ZoneScene(f"zone-{k}", "demo", points(), 10.0, 48.0) for k in range(4)]
    lines = draw(scene(*zones, ZoneScene("cellar", "radio")), 80, 30).lines()
    for name in ("zone-1", "zone-2", "zone-3"):
        (line,) = [line for line in lines if line.startswith(f" {name}")]
        for word in ("excited", "V +0.42", "A +0.31", "-23 dBFS", "10.0/s"):
            assert word in line
    assert any("cellar        waiting for radio" in line for line in lines)


def test_zones_that_do_not_fit_are_counted():
    zones = [ZoneScene(f"zone-{k}", "demo", points()) for k in range(20)]
    assert "13 more zones" in text(scene(*zones))


def test_a_small_terminal_gets_lines_of_text():
    screen = text(scene(), 50, 5)
    assert screen.startswith("main          excited  V +0.42  A +0.31")

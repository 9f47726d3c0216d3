from math import cos, radians, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.tracking.mood import NEUTRAL_RADIUS, WORDS, mood, quadrant

coordinate = st.floats(-1, 1)


@given(coordinate, coordinate)
def test_every_point_has_a_quadrant_with_its_signs(valence, arousal):
    name = quadrant(valence, arousal)
    assert (valence >= 0) if name in ("Q1", "Q4") else (valence <= 0)
    assert (arousal >= 0) if name in ("Q1", "Q2") else (arousal <= 0)


@given(coordinate, coordinate)
def test_every_point_has_a_word_of_its_quadrant_or_is_neutral(valence, arousal):
    word = mood(valence, arousal)
    if (valence**2 + arousal**2) ** 0.5 < NEUTRAL_RADIUS * 0.999:
        assert word == "neutral"
    elif word != "neutral":
        assert f"Q{WORDS.index(word) // 3 + 1}" == quadrant(valence, arousal)


@given(st.floats(0.2, 1), st.floats(0, 360, exclude_max=True), st.floats(0, 29))
def test_a_small_rotation_gives_the_same_word_or_a_neighbour(radius, angle, turn):
    def word(degrees):
        return WORDS.index(mood(radius * cos(radians(degrees)), radius * sin(radians(degrees))))

    assert (word(angle + turn) - word(angle)) % 12 in (0, 1)


@given(st.floats(0.2, 1), st.floats(0, 359))
def test_quadrants_follow_each_other_around_the_circle(radius, angle):
    def number(degrees):
        point = radius * cos(radians(degrees)), radius * sin(radians(degrees))
        return int(quadrant(*point)[1])

    assert (number(angle + 1) - number(angle)) % 4 in (0, 1)


@pytest.mark.parametrize(
    ("valence", "arousal", "word"),
    [
        (0.8, 0.2, "happy"),
        (0.6, 0.6, "excited"),
        (-0.1, 0.8, "tense"),
        (-0.7, -0.3, "sad"),
        (0.5, -0.5, "calm"),
        (0.0, 0.0, "neutral"),
        (0.1, -0.1, "neutral"),
    ],
)
def test_words_are_where_russell_placed_them(valence, arousal, word):
    assert mood(valence, arousal) == word

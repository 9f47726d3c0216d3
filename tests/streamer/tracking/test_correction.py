import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streamer.tracking import Affect
from streamer.tracking.trajectory import AffineCorrection, Correction

AXIS = st.floats(-1, 1)


@given(valence=AXIS, arousal=AXIS)
def test_none_changes_nothing(valence, arousal):
    affect = Affect(valence, arousal, 0.1, 0.2)
    assert Correction()(affect) == affect


def test_each_axis_has_its_line_and_its_spread_grows_with_it():
    correction = Correction(
        valence=AffineCorrection(offset=0.1, scale=2), arousal=AffineCorrection(offset=-0.2)
    )
    assert correction(Affect(0.2, 0.5, 0.1, 0.2)) == Affect(0.5, 0.3, 0.2, 0.2)


@given(value=AXIS, offset=st.floats(-0.5, 0.5), scale=st.floats(0.5, 2))
def test_it_stays_within_the_plane(value, offset, scale):
    assert -1 <= AffineCorrection(offset=offset, scale=scale)(value) <= 1


@pytest.mark.parametrize("wrong", [{"scale": 0}, {"scale": 3}, {"offset": 1}, {"offset": "nan"}])
def test_a_line_that_no_room_explains_is_refused(wrong):
    with pytest.raises(ValidationError):
        AffineCorrection(**wrong)

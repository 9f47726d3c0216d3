"""Test the front-end specification and its digest."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from damer.views import FrontEndSpec


def test_every_parameter_changes_the_digest():
    spec = FrontEndSpec()
    for key in fields(spec):
        value = getattr(spec, key.name)
        other = "external" if key.name == "origin" else value * 2 + 1
        assert replace(spec, **{key.name: other}).digest != spec.digest, key.name


def test_equal_parameters_have_equal_digests():
    assert FrontEndSpec().digest == FrontEndSpec().digest
    assert len(FrontEndSpec().digest) == 16


def test_parameters_are_immutable():
    with pytest.raises(FrozenInstanceError):
        FrontEndSpec().hop = 512


def test_the_default_window_is_three_seconds():
    assert FrontEndSpec().window_seconds == pytest.approx(3.0, abs=0.01)
    assert FrontEndSpec(window_frames=86).window_seconds == pytest.approx(1.0, abs=0.01)

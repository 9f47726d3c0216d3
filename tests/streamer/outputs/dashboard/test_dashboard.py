"""Encode views for the dashboard page."""

import base64

import numpy as np

from damer.views import Frames, FrontEnd, FrontEndSpec
from streamer.outputs.dashboard.dashboard import encode_views


def decode(coded):
    return np.frombuffer(base64.b64decode(coded), np.uint8)


def test_silence_is_black_and_a_tone_is_bright_in_its_band():
    spec = FrontEndSpec()
    time = np.arange(spec.sample_rate) / spec.sample_rate
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    quiet = encode_views(FrontEnd(spec).push(np.zeros(len(time), np.float32)))
    loud = encode_views(FrontEnd(spec).push(tone))
    for name, bands in (("mel", spec.mel_bands), ("cochleagram", spec.gammatone_channels)):
        assert decode(quiet[name]).max() == 0
        last = decode(loud[name]).reshape(-1, bands)[-1]
        assert last.max() == 255
        assert last[-10:].max() < 128


def test_frames_are_consecutive_and_start_with_the_lowest_band():
    mel = np.array([[-13.0, 7.0], [-3.0, 99.0]], np.float32)
    cochleagram = np.array([[0.0], [0.15]], np.float32)
    packed = encode_views(Frames(mel, cochleagram))
    assert decode(packed["mel"]).tolist() == [0, 255, 127, 255]
    assert decode(packed["cochleagram"]).tolist() == [0, 127]

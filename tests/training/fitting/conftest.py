"""Fixtures for tests of fits: one thread, a pretrained student."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER
from training.fitting.distill import Student
from training.fitting.pretrained import Pretrained


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread, so that fits are bit-reproducible."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pretrained(make_recipe):
    """Make a student with random weights and shifted input statistics."""
    torch.manual_seed(9)
    student = Student(DAMER(make_recipe().network))
    student.network.mel_tokens.band_mean -= 6.0
    zeros, ones = np.zeros(200, dtype=np.float32), np.ones(200, dtype=np.float32)
    return Pretrained(student.state_dict(), zeros, ones, set())

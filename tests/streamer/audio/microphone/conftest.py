"""A PulseAudio of the test's own, with two microphones and a sink."""

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.pulse import Performer, Pulse, noise


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    """A daemon that runs, without devices; PortAudio finds it."""
    assert shutil.which("pulseaudio"), "this test needs PulseAudio: apt install pulseaudio"
    pulse = Pulse()
    for name, value in pulse.environment.items():
        monkeypatch.setenv(name, value)
    pulse.start()
    yield pulse
    pulse.close()


@pytest.fixture
def stage(pulse: Pulse) -> Iterator[dict[str, str]]:
    """Noise before both microphones, which are plugged in: their modules by their names."""
    modules = {name: pulse.plug_in(name) for name in pulse.microphones}
    performers = [Performer(pulse, name, noise) for name in pulse.microphones]
    yield modules
    for performer in performers:
        performer.end()

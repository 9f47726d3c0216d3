"""PortAudio errors with remedies, and the capture process."""

import subprocess
import sys
from pathlib import Path

import pytest
import sounddevice

from streamer.audio.microphone import Device, list_devices
from streamer.audio.microphone import capture_client as process_module
from streamer.audio.microphone.capture_client import explain_open_error
from streamer.errors import AudioError

DEVICE = Device(3, "Scarlett", "ALSA", 2, 48000, 0.01, default=False)


def portaudio(code):
    return sounddevice._ffi.string(sounddevice._lib.Pa_GetErrorText(code)).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (portaudio(-9985), "is busy or was unplugged; close the program"),
        (portaudio(-9997), "does not record at 48000 Hz"),
        (portaudio(-9998), "does not record that many channels"),
        ("Unanticipated host error: 'Permission denied' [ALSA error -13]", "access denied; allow"),
        ("Unanticipated host error: 'Input/output error' [ALSA error -5]", "plug it in"),
        ("something else", "something else; see `streamer doctor`"),
    ],
)
def test_each_open_error_names_the_remedy(text, expected):
    line = explain_open_error(text, DEVICE)
    assert line.startswith('cannot open "Scarlett, ALSA": ')
    assert expected in line


def test_the_error_of_a_missing_portaudio_names_the_package(tmp_path, monkeypatch):
    """Simulate a machine without the PortAudio library."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"PortAudio library not found.*apt install libportaudio2"):
        list_devices()


def test_a_hanging_driver_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "sounddevice.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process_module, "_OPEN_TIMEOUT_S", 0.5)
    with pytest.raises(AudioError, match="PortAudio does not answer"):
        list_devices()


def test_the_capture_process_imports_only_the_framing():
    script = Path(process_module.__file__).with_name("portaudio_capture.py")
    code = (
        f"import runpy, sys; runpy.run_path({str(script)!r}); "
        "print(*(name for name in sys.modules if name.partition('.')[0] in ('streamer', 'numpy')))"
    )
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert set(result.stdout.split()) == {
        "streamer", "streamer.child", "streamer.child.entry", "streamer.child.framing",
        "streamer.limits",
    }  # fmt: skip


def test_closing_ends_the_capture_process():
    capture = process_module.CaptureProcess()
    process = capture._child.process
    capture.close()
    assert process.returncode is not None

"""Validate messages from the decoder process, which a malicious file may have compromised."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamer import limits
from streamer.audio import Decoder
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import DecoderProcessError
from streamer.audio.downmix import downmix

pytestmark = pytest.mark.long

INVALID = "it sent an invalid message"


@pytest.fixture(autouse=True)
def no_decoder_thread_left() -> Iterator[None]:
    yield
    assert all(thread.name != "decoder" for thread in threading.enumerate())


@pytest.fixture
def fake_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Decoder]:
    """Return a decoder whose process runs the given code in place of decoding."""

    def fake_decoder(code: str) -> Decoder:
        script = tmp_path / "worker.py"
        script.write_text(
            "import json, math, struct, sys, time\n"
            "def send(kind, payload):\n"
            "    header = struct.pack('=cI', kind, len(payload))\n"
            "    sys.stdout.buffer.write(header + payload)\n"
            "    sys.stdout.flush()\n"
            "def send_json(content): send(b'J', json.dumps(content).encode())\n"
            "good = dict(rate=8000, channels=1, codec='x', duration=1, name='', prebuffer=0)\n"
            "def opened(**more): send_json({'opened': {**good, **more}})\n"
            "def frame(rate, channels, sample_format, data):\n"
            "    send(b'A', struct.pack('=IH5s', rate, channels, sample_format) + data)\n"
            f"sys.stdin.buffer.read(5)\n{code}\ntime.sleep(60)\n"
        )
        monkeypatch.setattr("streamer.audio.decoder_client._WORKER", script)
        return Decoder()

    return fake_decoder


@pytest.mark.parametrize(
    "code",
    [
        "opened(rate=10**9)",
        "opened(rate='x')",
        "opened(rate=math.inf)",
        "opened(duration=10**400)",
        "opened(channels=0)",
        "opened(channels=10**6)",
        "opened(duration=[])",
        "opened(prebuffer=1e9)",
        "opened(name=7)",
        "send_json({'opened': 7})",
        "send_json({'lost': 1})",
        "send_json(7)",
        "send_json([])",
        "send(b'J', b'[')",
        "send(b'J', b'\\xff')",
        "send(b'J', b'[' * 60000)",
        "send(b'A', b'')",
        "send(b'Q', b'')",
        "sys.stdout.buffer.write(b'J' + b'\\xff' * 4); sys.stdout.flush()",
        "send_json({'error': {}})",
        "send_json({'error': 7})",
        "send_json({'error': {'usage': 1, 'text': [1]}})",
    ],
)
def test_an_invalid_description_of_a_source_is_an_error(
    fake_decoder: Callable[[str], Decoder], code: str
) -> None:
    with fake_decoder(code) as decoder, pytest.raises(DecoderProcessError, match=INVALID):
        decoder.open({"path": "x"}, 5)


@pytest.mark.parametrize(
    "code",
    [
        "send(b'A', b'')",
        "sys.stdout.buffer.write(b'A' + b'\\xff' * 4); sys.stdout.flush()",
        "frame(8000, 1, b'what', b'xx')",
        "frame(8000, 1, b'\\xff', b'xx')",
        "frame(8000, 2, b's16', b'xx')",
        "frame(8000, 0, b's16', b'xx')",
        "send_json({'lost': math.nan})",
        "send_json({'lost': 1e300})",
        "send_json({'lost': 'x'})",
        "send_json({'title': 7})",
        "send_json({'end': []})",
        "send_json({'end': {'corrupt': math.inf, 'decoded': 1}})",
        "send_json({})",
        "send_json(7)",
    ],
)
def test_an_invalid_message_about_audio_is_an_error(
    fake_decoder: Callable[[str], Decoder], code: str
) -> None:
    with fake_decoder(f"opened(); {code}") as decoder:
        opened = decoder.open({"path": "x"}, 5)
        assert opened.duration == 1
        with pytest.raises(DecoderProcessError, match=INVALID):
            list(decoder.frames())


def test_a_name_is_truncated_and_reduced_to_printable_text(
    fake_decoder: Callable[[str], Decoder],
) -> None:
    name = "a\\x1b\\n" + 500 * "b"
    with fake_decoder(f"opened(name='{name}', duration=math.nan)") as decoder:
        opened = decoder.open({"path": "x"}, 5)
    assert opened.name.startswith("a??b")
    assert len(opened.name) == limits.MAX_TITLE_CHARS
    assert opened.duration is None


def test_samples_that_are_not_finite_are_replaced(fake_decoder: Callable[[str], Decoder]) -> None:
    code = "opened(); frame(8000, 1, b'flt', struct.pack('=2f', math.nan, 9))"
    with fake_decoder(f"{code}; send_json({{'end': {{'corrupt': 0, 'decoded': 1}}}})") as decoder:
        decoder.open({"path": "x"}, 5)
        pieces = list(downmix(decoder.frames(), 8000, (), Cleaner()))
    assert pieces[0].tolist() == [0, 1]

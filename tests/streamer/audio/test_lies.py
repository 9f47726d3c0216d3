"""What a decoder says that was taken over by what it decodes: it is not believed."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamer import limits
from streamer.audio import Decoder
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import DecoderProcessError
from streamer.audio.downmix import downmix

INVALID = "it said what it should not"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert all(thread.name != "decoder" for thread in threading.enumerate())


@pytest.fixture
def lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Decoder]:
    def lie(code: str) -> Decoder:
        script = tmp_path / "worker.py"
        script.write_text(
            "import json, math, struct, sys, time\n"
            "def say(kind, content):\n"
            "    head = struct.pack('=cI', kind, len(content))\n"
            "    sys.stdout.buffer.write(head + content)\n"
            "    sys.stdout.flush()\n"
            "good = dict(rate=8000, channels=1, codec='x', duration=1, name='', prebuffer=0)\n"
            "def opened(**more): say(b'O', json.dumps({**good, **more}).encode())\n"
            f"sys.stdin.readline()\n{code}\ntime.sleep(60)\n"
        )
        monkeypatch.setattr("streamer.audio.decoder_client._WORKER", script)
        return Decoder()

    return lie


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
        "say(b'O', b'[')",
        "say(b'O', b'[' * 60000)",
        "say(b'Q', b'')",
        "sys.stdout.buffer.write(b'O' + b'\\xff' * 4); sys.stdout.flush()",
        "say(b'E', b'{}')",
        "say(b'E', b'{\"usage\": 1, \"text\": [1]}')",
    ],
)
def test_of_a_source_is_an_error(lie: Callable[[str], Decoder], code: str) -> None:
    with (
        lie(code) as decoder,
        pytest.raises(DecoderProcessError, match=INVALID),
    ):
        decoder.open({"path": "x"}, 5)


@pytest.mark.parametrize(
    "code",
    [
        "say(b'F', b'')",
        "say(b'F', struct.pack('=IH5s', 8000, 1, b'what') + b'xx')",
        "say(b'F', struct.pack('=IH5s', 8000, 1, b'\\xff') + b'xx')",
        "say(b'F', struct.pack('=IH5s', 8000, 2, b's16') + b'xx')",
        "say(b'F', struct.pack('=IH5s', 8000, 0, b's16') + b'xx')",
        "say(b'L', struct.pack('=d', math.nan))",
        "say(b'L', struct.pack('=d', 1e300))",
        "say(b'L', b'x')",
        "say(b'T', b'\\xff')",
        "say(b'Z', b'[]')",
    ],
)
def test_of_sound_is_an_error(lie: Callable[[str], Decoder], code: str) -> None:
    with lie(f"opened(); {code}") as decoder:
        opened = decoder.open({"path": "x"}, 5)
        assert opened.duration == 1
        with pytest.raises(DecoderProcessError, match=INVALID):
            list(decoder.frames())


def test_words_are_one_short_printable_line(lie: Callable[[str], Decoder]) -> None:
    name = "a\\x1b\\n" + 500 * "b"
    with lie(f"opened(name='{name}', duration=math.nan)") as decoder:
        opened = decoder.open({"path": "x"}, 5)
    assert opened.name.startswith("a??b")
    assert len(opened.name) == limits.MAX_TITLE_CHARS
    assert opened.duration is None


def test_what_is_no_number_is_no_sound(lie: Callable[[str], Decoder]) -> None:
    code = "opened(); say(b'F', struct.pack('=IH5s2f', 8000, 1, b'flt', math.nan, 9))"
    with lie(f"{code}; say(b'Z', json.dumps(dict(corrupt=0, decoded=1)).encode())") as decoder:
        decoder.open({"path": "x"}, 5)
        heard = list(downmix(decoder.frames(), 8000, (), Cleaner()))
    assert heard[0].tolist() == [0, 1]

"""Invalid input: one line with cause and remedy, the right exit code, no traceback."""

import socketserver
import threading

import numpy as np
import onnx
import pytest

from damer.weights import SHIPPED_MODEL

NOWHERE = "mqtt://127.0.0.1:1"


def assert_one_line(answer, code, *expected):
    assert "Traceback" not in answer.err
    assert answer.err.startswith("streamer: ")
    assert answer.err.count("\n") == 1
    for text in expected:
        assert text in answer.err
    assert answer.code == code


def assert_last_line(answer, code, *expected):
    """Log messages may precede the error."""
    assert "Traceback" not in answer.err
    lines = [line for line in answer.err.splitlines() if line.startswith("streamer: ")]
    assert lines == answer.err.splitlines()[-1:]
    for text in expected:
        assert text in lines[0]
    assert answer.code == code


def text_file(path):
    path.write_text("Dear diary, no sound today.\n" * 50)


def empty(path):
    path.touch()


def cut_off(path):
    path.write_bytes(b"RIFF\x24\x08\x00\x00WAVEfmt ")


def without_samples(path):
    path.write_bytes(
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0data\0\0\0\0"
    )


def folder(path):
    path.mkdir()


def missing(path):
    pass


FILES = [
    (text_file, "not audio"),
    (empty, "is empty"),
    (cut_off, "cut off"),
    (without_samples, "it holds no audio"),
    (folder, "is a folder"),
    (missing, "does not exist"),
]


class TestSoundFiles:
    @pytest.mark.parametrize(("make", "expected"), FILES, ids=[make.__name__ for make, _ in FILES])
    def test_run_reports_the_cause(self, streamer, away, make, expected):
        make(away / "song.wav")
        answer = streamer("run", "--input", "song.wav", "--broker", NOWHERE)
        assert_one_line(answer, 1, "song.wav", expected, "give ")

    @pytest.mark.parametrize(("make", "expected"), FILES, ids=[make.__name__ for make, _ in FILES])
    def test_analyze_reports_the_cause(self, streamer, away, make, expected):
        make(away / "song.wav")
        answer = streamer("analyze", "song.wav", "-o", "out.csv")
        if make is folder:  # `analyze` accepts folders
            expected = "no audio file in it"
        assert_one_line(answer, 1, "song.wav", expected, "give ")

    def test_the_installed_program_does_so_too(self, program, away):
        text_file(away / "song.mp3")
        answer = program("run", "--input", "song.mp3", "--broker", NOWHERE)
        assert_one_line(answer, 1, "song.mp3: not audio")

    @pytest.mark.parametrize("command", ["run", "analyze"])
    def test_a_channel_out_of_range(self, streamer, away, music, write_wav, command):
        song = write_wav(away / "song.wav", music(1, 44100), 44100)
        rest = ["-o", "out.csv", song] if command == "analyze" else ["-i", song]
        answer = streamer(command, "--channels", "1,9", *rest)
        assert_one_line(answer, 1 if command == "analyze" else 2, "9", "song.wav")

    def test_an_invalid_or_unreachable_url_is_reported_without_its_password(self, streamer):
        answer = streamer("run", "--input", "gopher://me:secret@host/x", "--broker", NOWHERE)
        assert_one_line(answer, 2, "gopher://host/x", "http, https, rtsp")
        answer = streamer("run", "--input", "http://me:secret@127.0.0.1:9/x", "--broker", NOWHERE)
        assert_one_line(answer, 1, "cannot open http://127.0.0.1:9/x: nothing listens there")
        assert "secret" not in answer.err


class TestMicrophone:
    @pytest.mark.peer
    def test_there_is_no_microphone(self, streamer, pulse):
        pulse.stop()
        answer = streamer("run", "--input", "mic", "--broker", NOWHERE)
        assert_one_line(answer, 1, "there is no input device; plug one in", "`streamer devices`")

    @pytest.mark.peer
    def test_no_name_or_several_names_match(self, streamer, pulse):
        answer = streamer("run", "--input", "mic", "--device", "gamma", "--broker", NOWHERE)
        assert_one_line(answer, 1, 'cannot find a microphone "gamma"', 'choose one of 0 "')
        answer = streamer("run", "--input", "mic", "--device", "a", "--broker", NOWHERE)
        assert_one_line(answer, 2, '"a" matches ', '"alpha, ALSA"', "give more of its name")

    def test_portaudio_is_missing(self, streamer, away, monkeypatch):
        (away / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
        monkeypatch.setenv("PYTHONPATH", str(away))
        for command in (["run", "--input", "mic", "--broker", NOWHERE], ["devices"]):
            answer = streamer(*command)
            assert_one_line(answer, 1, "PortAudio is not installed", "apt install libportaudio2")


class TestStandardInput:
    @pytest.fixture(autouse=True)
    def music_file(self, away, music, write_wav):
        self.samples = music(2, 44100)
        self.wav = write_wav(away / "song.wav", self.samples, 44100)

    @pytest.fixture
    def run(self, streamer, broker):
        def run(stdin, *options):
            address = str(broker.address)
            return streamer(
                "run", "-i", "-", "--broker", address, "--node", "stdin", *options, stdin=stdin
            )

        return run

    def test_a_file_with_a_header_is_not_raw(self, run):
        assert_last_line(run(self.wav), 1, "WAV", "ffmpeg -i -")

    def test_the_installed_program_does_so_too(self, program, broker):
        address = str(broker.address)
        answer = program("run", "-i", "-", "--broker", address, "--node", "stdin", stdin=self.wav)
        assert_last_line(answer, 1, "WAV")

    def test_integers_read_as_floats(self, run, away):
        raw = away / "raw"
        raw.write_bytes((self.samples * 32767).astype("<i2").tobytes())
        answer = run(raw, "--raw-format", "f32le", "--raw-channels", "1")
        assert_last_line(answer, 1, "f32le", "s16le")

    def test_floats_read_as_integers(self, run, away):
        raw = away / "raw"
        raw.write_bytes(self.samples.astype("<f4").tobytes())
        assert_last_line(run(raw, "--raw-channels", "1"), 1, "s16le", "f32le")

    def test_an_empty_input(self, run, away):
        (away / "nothing").touch()
        assert_last_line(run(away / "nothing"), 1, "without a single sample", "ffmpeg")

    def test_a_closed_input(self, streamer):
        assert_one_line(streamer("run", "-i", "-", "--broker", NOWHERE), 2, "closed", "pipe")


class TestConfiguration:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[tracking]\nrat = 5\n", ['"rat"', 'did you mean "rate"?']),
            ("[trakking]\nrate = 5\n", ['"trakking"', 'did you mean "tracking"?']),
            ('[tracking]\nrate = "quick"\n', ["rate", '"quick"', "a number"]),
            ("[tracking]\nrate = 50\n", ["rate", "50", "from 0.1 to 20"]),
            ('[[zones]]\nid = "Main Hall"\n', ["id", "lower-case"]),
            ("[mqtt]\nport = 70000\n", ["port", "from 1 to 65535"]),
            ("[tracking\n", ["not valid TOML", ":1:"]),
        ],
    )
    @pytest.mark.parametrize("command", ["run", "analyze"])
    def test_an_invalid_key_is_named_with_its_file(self, streamer, away, command, text, expected):
        (away / "my.toml").write_text(text)
        rest = ["a.wav", "-o", "out.csv"] if command == "analyze" else []
        answer = streamer(command, "--config", "my.toml", *rest)
        assert_one_line(answer, 2, "my.toml", *expected)

    def test_the_installed_program_does_so_too(self, program, away):
        (away / "config.toml").write_text("[mqtt]\nborker = 'auto'\n")
        assert_one_line(program("run"), 2, "config.toml", 'did you mean "broker"?')

    def test_a_missing_file(self, streamer):
        assert_one_line(streamer("run", "--config", "no.toml"), 2, "no.toml")

    def test_a_variable(self, streamer, monkeypatch):
        monkeypatch.setenv("STREAMER_TRACKING__RAET", "5")
        assert_one_line(streamer("run"), 2, "STREAMER_TRACKING__RAET", "STREAMER_TRACKING__RATE")

    @pytest.mark.parametrize(
        ("option", "value", "expected"),
        [
            ("--rate", "0", "from 0.1 to 20"),
            ("--node", "Ann's PC", "lower-case"),
            ("--raw-rate", "7", "8000"),
            ("--channels", "left", "a whole number"),
            ("--broker", "localhost", "mqtt://HOST[:PORT]"),
            ("--broker", "https://localhost", "mqtt://HOST[:PORT]"),
        ],
    )
    def test_an_option(self, streamer, option, value, expected):
        assert_one_line(streamer("run", option, value), 2, value, expected)

    def test_options_of_a_zone_with_several_zones(self, streamer, away):
        (away / "config.toml").write_text('[[zones]]\nid = "a"\n[[zones]]\nid = "b"\n')
        assert_one_line(streamer("run", "--input", "demo"), 2, "--input", "a, b")

    def test_an_invalid_zone_is_reported_before_anything_starts(self, streamer, away):
        (away / "config.toml").write_text(
            '[[zones]]\nid = "a"\n[[zones]]\nid = "b"\ninput = "none.wav"\n'
        )
        answer = streamer("run", "--broker", NOWHERE)
        assert_one_line(answer, 1, "none.wav", "does not exist")


class TestBroker:
    def test_it_is_not_running(self, streamer, free_port):
        answer = streamer("run", "--broker", f"mqtt://127.0.0.1:{free_port}")
        assert_one_line(answer, 1, f"mqtt://127.0.0.1:{free_port}", "--broker embedded")

    def test_it_requires_a_password(self, streamer, launch):
        closed = launch("allow_anonymous false")
        answer = streamer("run", "--broker", str(closed.address))
        assert_one_line(answer, 1, "requires a valid user and password", "STREAMER_MQTT__PASSWORD")

    @pytest.mark.parametrize("broker", ["auto", "embedded"])
    def test_the_port_is_used_by_another_program(self, streamer, monkeypatch, broker):
        class HangUp(socketserver.BaseRequestHandler):
            pass

        with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                port = server.server_address[1]
                monkeypatch.setenv("STREAMER_MQTT__PORT", str(port))
                answer = streamer("run", "--broker", broker)
            finally:
                server.shutdown()
                thread.join()
        assert_one_line(answer, 1, str(port), "--broker mqtt://HOST[:PORT]")


class TestWeights:
    @pytest.fixture
    def edited(self, away):
        """Write the shipped weights with other metadata."""

        def edit(change):
            model = onnx.load(SHIPPED_MODEL)
            metadata = {entry.key: entry.value for entry in model.metadata_props}
            change(metadata)
            del model.metadata_props[:]
            onnx.helper.set_model_props(model, metadata)
            onnx.save(model, away / "other.onnx")
            return away / "other.onnx"

        return edit

    @pytest.mark.parametrize("command", ["run", "analyze"])
    def test_made_for_a_different_front_end(self, streamer, edited, command):
        def other_hop(metadata):
            metadata["front_end"] = metadata["front_end"].replace('"hop": 256', '"hop": 512')

        rest = ["a.wav", "-o", "out.csv"] if command == "analyze" else ["--broker", NOWHERE]
        answer = streamer(command, "--model", edited(other_hop), *rest)
        assert_one_line(answer, 1, "other.onnx", "another front end", "hop is 512, not 256")

    def test_made_for_external_features(self, streamer, edited):
        def external(metadata):
            metadata["front_end"] = metadata["front_end"].replace("internal", "external")

        answer = streamer("run", "--model", edited(external))
        assert_one_line(answer, 1, "another front end", "origin is external, not internal")

    def test_without_front_end_metadata(self, streamer, edited):
        answer = streamer("run", "--model", edited(dict.clear))
        assert_one_line(answer, 1, "other.onnx", "does not say", "python -m deploy export")

    def test_that_are_not_a_model(self, streamer, away):
        (away / "my.onnx").write_bytes(np.random.default_rng(0).bytes(1000))
        assert_one_line(streamer("run", "--model", "my.onnx"), 1, "my.onnx", "not an ONNX model")

    def test_that_are_missing(self, streamer):
        assert_one_line(streamer("run", "--model", "my.onnx"), 1, "no weights at my.onnx")


class TestOutput:
    @pytest.fixture(autouse=True)
    def song(self, away, music, write_wav):
        self.song = write_wav(away / "song.wav", music(2, 44100), 44100)

    @pytest.mark.parametrize("output", [".", "no/such/folder.csv", "song.wav/out.csv"])
    def test_it_cannot_be_written(self, streamer, output):
        assert_one_line(streamer("analyze", self.song, "-o", output), 2, output, "--output")

    def test_the_installed_program_does_so_too(self, program):
        answer = program("analyze", self.song, "-o", "no/out.csv")
        assert_one_line(answer, 2, "cannot write no/out.csv")

    def test_it_is_one_of_the_input_files(self, streamer, away):
        before = self.song.read_bytes()
        answer = streamer("analyze", self.song, "-o", "./song.wav")
        assert_one_line(answer, 2, "song.wav", "--output")
        assert self.song.read_bytes() == before

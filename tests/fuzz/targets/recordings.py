"""Fuzz recordings: journals and Parquet files, read, plotted and recovered at start-up."""

import json
from pathlib import Path
from random import Random

from streamer.errors import StreamerError
from streamer.outputs.recording import read_recording
from streamer.outputs.recording.journal import COLUMNS, FORMAT_KEY, Journal, Row
from streamer.outputs.recording.parquet import write_parquet
from streamer.outputs.recording.plot_figure import draw_figure
from streamer.outputs.recording.plot_terminal import draw_in_terminal
from streamer.outputs.recording.recovery import recover_recordings
from tests.fuzz.mutate import EXTREMES, mutated, some_bytes
from tests.fuzz.targets.base import Target
from tests.fuzz.verdict import FuzzFailure, Input, check_error, check_text

_METADATA = {"zone": "main", "source": "demo", "version": "1.0", "model": "damer"}
_NUMBERS = (
    "1e999", "-1e999", "1e308", "-1e308", "NaN", "1e-320", "0", "-1", "true", "null", '"a"', "[]",
    "9" * 400, "9223372036854775807", "-9223372036854775808", "253402300800000", "1e17",
)  # fmt: skip
_TOKENS = (
    b"[", b"]", b"{", b"}", b"\n", b"\0", b"NaN,", b"1e999,", b'{"zone":"A b"}\n',
    b'{"zone":"x"}\n',
    b'{"source":"\\u001b[2J\\n"}\n', b'{"streamer_recording":"2"}\n', b"[" * 2000, b"9" * 5000,
    b"PAR1", b'{"source":"' + b"a" * 5000 + b'"}\n',
)  # fmt: skip
_NAME = "main-20261125T203000Z"


class RecordingTarget(Target):
    """Read, plot and recover a recording, as the commands do."""

    max_memory_growth = 512 << 20

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._rows = [_row(tick) for tick in range(40)]
        journal = Journal(folder / "good.journal", _METADATA)
        for row in self._rows:
            journal.append(row)
        journal.close()
        self._journal = (folder / "good.journal").read_bytes()
        self._lines = self._journal.splitlines()
        write_parquet(folder / "good.parquet", {FORMAT_KEY: "1", **_METADATA}, self._rows)
        self._parquet = (folder / "good.parquet").read_bytes()
        self._recordings = folder / "recordings"
        self._recordings.mkdir()

    def make(self, random: Random) -> Input:
        match random.randrange(10):
            case 0:
                return {_NAME + ".journal": some_bytes(random, 3000)}
            case 1 | 2:
                return {_NAME + ".journal": mutated(random, self._journal, tokens=_TOKENS)}
            case 3 | 4 | 5:
                return {_NAME + ".journal": self._with_odd_numbers(random)}
            case 6 | 7:
                rows = [
                    _with_invalid_value(random, row)
                    for row in self._rows[: random.choice((1, 2, 40))]
                ]
                file = self.folder / "made.parquet"
                source = random.choice(
                    ("demo", "\x1b[2J\n", "a" * 3000, "é" * 300, "$x^{$", "\u202e")
                )
                write_parquet(file, {FORMAT_KEY: "1", **_METADATA, "source": source}, rows)
                return {_NAME + ".parquet": file.read_bytes()}
        return {_NAME + ".parquet": mutated(random, self._parquet, others=[self._journal])}

    def check(self, given: Input) -> str:
        [(name, content)] = given.items()
        for path in self._recordings.iterdir():
            path.unlink()
        file = self._recordings / name
        file.write_bytes(content)
        kind = self._read(file, plotted=not len(content) % 50)
        finished = recover_recordings(self._recordings)
        for path in finished:
            again = self._read(path, plotted=False)
            if kind == "read" and again != "read":
                raise FuzzFailure(f"read as a journal, and when it was finished: {again}")
        return kind

    def _read(self, file: Path, *, plotted: bool) -> str:
        try:
            recording = read_recording(file)
        except StreamerError as error:
            return check_error(error, file)
        check_text(f"{recording.started_at:%Y-%m-%d} {recording.duration:.1f} {recording.zone}")
        check_text(recording.unfinished_note.replace(str(file), ""))
        if len(list(recording.updates())) != len(recording):
            raise FuzzFailure("not every row is an update")
        if not len(recording) % 2 or plotted:
            str(draw_in_terminal(recording, 80, 24))
        if plotted:
            draw_figure(recording).draw_without_rendering()
        return "read"

    def _with_odd_numbers(self, random: Random) -> bytes:
        """Return a journal with a few invalid or extreme values in its rows."""
        lines = list(self._lines[: random.choice((2, 3, 41))])
        for _ in range(random.choice((1, 1, 3))):
            at = random.randrange(1, len(lines))
            values = json.loads(lines[at])
            texts = [json.dumps(value) for value in values]
            texts[random.randrange(len(texts))] = random.choice(_NUMBERS)
            lines[at] = f"[{','.join(texts)}]".encode()
            if random.random() < 0.5:
                continue
            lines[at] = json.dumps(_with_invalid_value(random, Row(*values))).encode()
        return b"\n".join(lines) + b"\n"


def _row(tick: int) -> Row:
    time = tick / 10
    return Row(
        1_795_000_000_000 + 100 * tick, tick, time, 0.1, -0.2, 0.1, 0.2, 0.1, -0.2, 0.1, 0.2,
        tick > 30, 1.0, -20.0, 5.0 + time,
    )  # fmt: skip


def _with_invalid_value(random: Random, row: Row) -> Row:
    """Return the row with one invalid value."""
    name = random.choice(COLUMNS)
    value = getattr(row, name)
    if isinstance(value, bool):
        return row._replace(silence=not value)
    if isinstance(value, int):
        odd = random.choice((*EXTREMES, 2**63 - 1, -(2**63), 253_402_300_800_000, 10**17))
        return row._replace(**{name: odd})
    odd_floats = (float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 5e-324, 1e17, -2.0)
    return row._replace(**{name: random.choice(odd_floats)})

"""Watches the process that judges inputs of a target, and starts it anew where one ends it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.fuzz.judging import kind_of
from tests.fuzz.targets import ALL
from tests.fuzz.worker import chance_of

ROOT = Path(__file__).parents[2]
KEPT = 3
"""Inputs that are kept of each kind of finding."""

_BEGINNING = 120.0  # seconds until the first input
_SLACK = 30.0  # seconds beyond a target's patience


@dataclass
class Outcome:
    """What came of one target.

    Attributes
    ----------
    inputs, seconds
        How many were judged, in which time.
    kinds
        How often each kind of answer came.
    findings
        By their kind, the numbers of the inputs.
    said
        The first finding of each kind in full.
    """

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[int]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def take(self, number: int, said: str) -> None:
        """Count what came of an input."""
        self.inputs += 1
        if not said.startswith("!"):
            self.kinds[said] += 1
            return
        lines = said[1:].strip().splitlines() or [""]
        kind = kind_of(lines[0] if lines[0].startswith(("takes", "took")) else lines[-1])
        self.findings.setdefault(kind, []).append(number)
        self.said.setdefault(kind, said[1:])


def run(
    target: str, *, seed: int, seconds: float, inputs: int = 10**9, first: int = 0,
    output: Path | None = None,
) -> Outcome:  # fmt: skip
    """Judge inputs of a target for so many seconds, or so many of them.

    Parameters
    ----------
    output
        Folder in which what led to findings is written.
    """
    outcome = Outcome(target, seed)
    number, end = first, first + inputs
    while number < end and outcome.seconds < seconds:
        number = _run_once(outcome, number, end, seconds - outcome.seconds)
    if output is not None:
        _keep(outcome, output)
    return outcome


def _run_once(outcome: Outcome, first: int, end: int, seconds: float) -> int:
    """Let one process judge; return the number of the input that comes next."""
    options = {"seed": outcome.seed, "first": first, "inputs": end - first, "seconds": seconds}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    number = first
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", outcome.target, *arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        lines = _Lines(process.stdout)
        hung = False
        begun = time.monotonic()
        try:
            hung = lines.next(_BEGINNING) is None and process.poll() is None
            begun = time.monotonic()
            patience = ALL[outcome.target].patience + _SLACK
            while not hung and (line := lines.next(patience)) != b"":
                if line is None:
                    hung = True
                    break
                outcome.take(number, json.loads(line))
                number += 1
        finally:
            outcome.seconds += time.monotonic() - begun
            if hung or process.poll() is None:
                _end(process, gently=not hung)
        process.stdout.close()
        if hung or process.returncode:
            errors.seek(0)
            how = "hangs" if hung else f"ended with {process.returncode}"
            told = errors.read()[-2000:].decode(errors="replace")
            outcome.take(number, f"!the process {how}\n{told}\nthe process {how}")
            number += 1
            outcome.seconds += 1.0
    return number


class _Lines:
    """Lines of a pipe, each within so many seconds."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self._data = b""

    def next(self, seconds: float) -> bytes | None:
        """Return the next line; empty at the end, None where it does not come in time."""
        while b"\n" not in self._data:
            if not self._selector.select(seconds):
                return None
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                return b""
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        return line or b"\n"


def _end(process: "subprocess.Popen[bytes]", *, gently: bool) -> None:
    if gently:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        else:
            return
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _keep(outcome: Outcome, output: Path) -> None:
    """Write the inputs that led to findings."""
    if not outcome.findings:
        return
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target = ALL[outcome.target](Path(folder))
        try:
            for kind, numbers in outcome.findings.items():
                for number in numbers[:KEPT]:
                    place = output / f"{outcome.target}-{outcome.seed}-{number}"
                    place.mkdir(parents=True, exist_ok=True)
                    given = target.make(chance_of(outcome.target, outcome.seed, number))
                    for name, content in given.items():
                        (place / name).write_bytes(content)
                    place.joinpath("finding.txt").write_text(
                        outcome.said[kind], errors="backslashreplace"
                    )
        finally:
            target.close()

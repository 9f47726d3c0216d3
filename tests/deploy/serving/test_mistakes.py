"""What is wrong with a `python -m deploy serve` is one line, before a cluster is started for it."""

import subprocess
import sys

import pytest

from tests.support.ports import free_port


def serve(*options):
    command = [sys.executable, "-m", "deploy", "serve", "--port", str(free_port()), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (line,) = ended.stderr.strip().splitlines()
    assert ended.returncode in (1, 2)
    return line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "192.0.2.1"), "other machines reach 192.0.2.1: give a --password-file"),
        (("--password-file", "gone"), "gone cannot be read"),
        (("--cert-file", "a.pem"), "--cert-file and --key-file go together"),
        (("--cert-file", "gone", "--key-file", "gone"), "gone is missing"),
        (("--model", "gone.onnx"), "no weights at"),
        (("--model", "pyproject.toml"), "is not an ONNX model"),
    ],
)
def test_a_mistake_is_one_line(options, said):
    assert said in serve(*options)

"""Check that `python -m deploy serve` rejects invalid options before it starts a cluster."""

import subprocess
import sys

import pytest

from tests.support.ports import free_port

pytestmark = pytest.mark.long


def serve(*options):
    command = [sys.executable, "-m", "deploy", "serve", "--port", str(free_port()), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (line,) = ended.stderr.strip().splitlines()
    assert ended.returncode in (1, 2)
    return line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--host", "192.0.2.1"), "other machines reach 192.0.2.1: add --password-file"),
        (("--password-file", "gone"), "gone: No such file or directory; correct the path"),
        (("--cert-file", "a.pem"), "--cert-file and --key-file must be given together"),
        (("--cert-file", "gone", "--key-file", "gone"), "cannot read gone: no such file"),
        (("--model", "gone.onnx"), "no weights at"),
        (("--model", "pyproject.toml"), "is not an ONNX model"),
    ],
)
def test_an_invalid_option_is_reported_in_one_line(options, message):
    assert message in serve(*options)

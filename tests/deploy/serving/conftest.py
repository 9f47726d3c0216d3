"""Fixtures: a real inference server with TLS and passwords, on Ray Serve."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streamer.config.models import Remote
from tests.support.mosquitto import Certificates
from tests.support.ray_serve import running_server

USER, PASSWORD = "stage", "a password of nobody"


@dataclass(frozen=True)
class RunningServer:
    """A running inference server.

    Attributes
    ----------
    url, certificates
        Address and certificate authority.
    process
        Main process.
    """

    url: str
    certificates: Certificates
    process: "subprocess.Popen[bytes]"

    def client_table(self, **changes: Any) -> Remote:
        """Return an `[engine.remote]` table with a valid login."""
        table = {
            "url": self.url, "deadline_ms": 5000.0, "user": USER, "password": PASSWORD,
            "ca_file": self.certificates.ca,
        }  # fmt: skip
        return Remote(**(table | changes))


@pytest.fixture(scope="session")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Password file of mosquitto."""
    file = tmp_path_factory.mktemp("users") / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), USER, PASSWORD], check=True)
    return file


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, password_file: Path
) -> Iterator[RunningServer]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    options = (
        "--password-file", password_file, "--cert-file", certificates.server,
        "--key-file", certificates.server_key,
    )  # fmt: skip
    with running_server(*map(str, options)) as (url, process):
        yield RunningServer(url, certificates, process)

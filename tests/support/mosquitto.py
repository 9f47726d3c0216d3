"""Real mosquitto brokers on loopback for tests, with passwords, access control and TLS."""

import signal
import subprocess
from pathlib import Path

import trustme

from streamer.mqtt import BrokerAddress, find_mosquitto
from tests.support.ports import free_port, wait_until_listening


class Mosquitto:
    """Broker that a test can kill, hang, resume and restart.

    Parameters
    ----------
    folder
        Folder for its configuration file.
    options
        Configuration lines. Default: anonymous access to everything.
    port
        TCP port. Default: a free one.
    """

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.address = BrokerAddress("127.0.0.1", self.port)
        self._config = folder / f"mosquitto-{self.port}.conf"
        # "user root": started by root it would else become a user who may not read our files.
        lines = ["user root", f"listener {self.port} 127.0.0.1"]
        lines += options or ["allow_anonymous true"]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = find_mosquitto()
        if program is None:
            raise RuntimeError("mosquitto is missing: apt install mosquitto")
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_listening(self._process, self.port)

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def reload(self) -> None:
        """Reload its passwords and access control list."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def guarded(folder: Path, user: str, password: str, *rules: str) -> tuple[str, ...]:
    """Return the options of a broker with one user and, if rules are given, an ACL."""
    passwords, acl = folder / "passwords", folder / "acl"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), user, password], check=True)
    acl.write_text("".join(f"{rule}\n" for rule in rules))
    for file in (passwords, acl):
        file.chmod(0o600)
    options = ("allow_anonymous false", f"password_file {passwords}")
    return (*options, f"acl_file {acl}") if rules else options


class Certificates:
    """Certificate files of an authority, a broker and a client, and of an untrusted authority.

    Attributes
    ----------
    ca, strange_ca
        Certificates of the two authorities.
    server, client, strange
        Certificates with their chains; the keys are `server_key` and so on.
    tls
        Options for a broker, whose name is `localhost`.
    """

    def __init__(self, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca, self.strange_ca = folder / "ca.pem", folder / "strange-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        stranger.cert_pem.write_to_path(str(self.strange_ca))
        self.server, self.server_key = _issue(authority, folder / "server.pem", "localhost")
        self.client, self.client_key = _issue(authority, folder / "client.pem", "stage")
        self.strange, self.strange_key = _issue(stranger, folder / "strange.pem", "stage")
        self.tls = (
            "allow_anonymous true",
            f"cafile {self.ca}",
            f"certfile {self.server}",
            f"keyfile {self.server_key}",
        )


def _issue(authority: trustme.CA, chain: Path, name: str) -> tuple[Path, Path]:
    made = authority.issue_cert(name)
    key = chain.with_suffix(".key")
    made.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return chain, key

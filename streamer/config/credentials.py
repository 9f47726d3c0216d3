"""Who we are to a server, and whom we trust: user, password, certificates.

Secrets that stand in files of their own.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from streamer import limits
from streamer.errors import ConfigError


class LoginSettings(Protocol):
    """The keys that a table of the configuration has for a server; see the configuration."""

    user: str | None
    password: SecretStr | None
    password_file: Path | None
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Whom the credentials are for, as errors name it.

    Attributes
    ----------
    table
        The table of the configuration: "mqtt".
    title
        What and where it is: "the broker is mqtt://localhost:1883".
    tls
        Whether the connection is encrypted.
    write
        How its address is written with TLS: "mqtts://HOST[:PORT]".
    """

    table: str
    title: str
    tls: bool
    write: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection is opened with.

    Attributes
    ----------
    user, password
        None where none is given. The password stands in no representation.
    tls
        How the server's certificate is verified, and ours; None for a connection without TLS.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class _Socket(ssl.SSLSocket):
    """One that is closed where no connection comes of it; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def read_credentials(login: LoginSettings, peer: ServerIdentity) -> Credentials:
    """Read what a table of the configuration names.

    The server's certificate is always verified, against `ca_file` or else the authorities that this
    machine trusts.

    Raises
    ------
    ConfigError
        Keys that do not go together, or a file that cannot be read.
    """
    return Credentials(login.user, _password(login, peer), _tls(login, peer))


def _password(login: LoginSettings, peer: ServerIdentity) -> str | None:
    table = f"[{peer.table}]"
    if login.password is not None and login.password_file is not None:
        raise ConfigError(f"{table} has a password and a password_file; give one of them")
    if login.user is None and (login.password is not None or login.password_file is not None):
        raise ConfigError(f"{table} has a password but no user; give user too")
    if login.password is not None:
        return login.password.get_secret_value()
    if login.password_file is None:
        return None
    return read_secret(login.password_file, f"{table} password_file")


def _tls(login: LoginSettings, peer: ServerIdentity) -> ssl.SSLContext | None:
    table = f"[{peer.table}]"
    if not peer.tls:
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(login, key) is not None:
                raise ConfigError(f"{table} {key} is for TLS, but {peer.title}; write {peer.write}")
        return None
    if login.key_file is not None and login.cert_file is None:
        raise ConfigError(f"{table} has a key_file but no cert_file; give cert_file too")
    context = _context(login.ca_file, table)
    context.sslsocket_class = _Socket
    if login.cert_file is not None:
        _add_own_certificate(context, login.cert_file, login.key_file, table)
    return context


def _context(ca_file: Path | None, table: str) -> ssl.SSLContext:
    what = f"{table} ca_file {ca_file}"
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigError(f"{what} holds no certificate; give a file in PEM format") from None
    except OSError as error:
        raise ConfigError(unreadable_message(what, error)) from None


def _add_own_certificate(context: ssl.SSLContext, cert: Path, key: Path | None, table: str) -> None:
    for file, name in ((cert, "cert_file"), (key, "key_file")):
        try:
            if file is not None:
                file.open("rb").close()
        except OSError as error:
            raise ConfigError(unreadable_message(f"{table} {name} {file}", error)) from None
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else it asks the terminal
    except (ssl.SSLError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            raise ConfigError(
                f"{table} key_file {key or cert} does not belong to cert_file {cert}"
            ) from None
        raise ConfigError(
            f"{table} cert_file {cert} and its key cannot be used; give a certificate and a key "
            "without passphrase, in PEM format"
        ) from None


def read_secret(file: Path, key: str) -> str:
    """Return what a file holds but for the end of its line.

    Parameters
    ----------
    file
        It holds the secret and nothing else, in UTF-8.
    key
        What named the file, for the error: "[mqtt] password_file".

    Raises
    ------
    ConfigError
        It cannot be read, or holds no secret.
    """
    what, noun = f"{key} {file}", key.rpartition(" ")[2].removesuffix("_file")
    try:
        with file.open("rb") as opened:
            content = opened.read(limits.MAX_PASSWORD_BYTES + 2)
        secret = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{what} is no text in UTF-8; write the {noun} alone in it") from None
    except OSError as error:
        raise ConfigError(unreadable_message(what, error)) from None
    if not secret or len(content) > limits.MAX_PASSWORD_BYTES:
        raise ConfigError(f"{what} holds no {noun}; write the {noun} alone in it")
    return secret


def unreadable_message(what: str, error: OSError) -> str:
    """Put into words that a file of the configuration cannot be read."""
    why = (error.strerror or str(error)).lower()
    return f"{what} cannot be read ({why}); correct the path, or allow this user to read it"

"""Credentials for a broker or inference server: user, password, TLS certificates, secret files."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from streamer import limits
from streamer.errors import ConfigError


class LoginSettings(Protocol):
    """Keys of a configuration table that describe a login: `[mqtt]`, `[engine.remote]`."""

    user: str | None
    password: SecretStr | None
    password_file: Path | None
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The server that credentials are for, as error messages name it.

    Attributes
    ----------
    table
        Table of the configuration: "mqtt".
    title
        Kind and address: "the broker is mqtt://localhost:1883".
    tls
        Whether the connection is encrypted.
    tls_address
        Form of an address with TLS: "mqtts://HOST[:PORT]".
    """

    table: str
    title: str
    tls: bool
    tls_address: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """User, password and TLS context of a connection.

    Attributes
    ----------
    user, password
        None if not configured. The password is not part of the representation.
    tls
        How to verify the server and which client certificate to send; None without TLS.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class _ClosingSocket(ssl.SSLSocket):
    """TLS socket that is closed if the handshake fails (paho leaks it)."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def read_credentials(login: LoginSettings, server: ServerIdentity) -> Credentials:
    """Read the files that a table names, and return the credentials.

    The server's certificate is always verified, against `ca_file` or else the authorities that this
    machine trusts.

    Raises
    ------
    ConfigError
        Keys contradict each other, or a file cannot be read.
    """
    return Credentials(login.user, _read_password(login, server), _tls_context(login, server))


def _read_password(login: LoginSettings, server: ServerIdentity) -> str | None:
    table = f"[{server.table}]"
    if login.password is not None and login.password_file is not None:
        raise ConfigError(f"{table} has a password and a password_file; give one of them")
    if login.user is None and (login.password is not None or login.password_file is not None):
        raise ConfigError(f"{table} has a password but no user; give user too")
    if login.password is not None:
        return login.password.get_secret_value()
    if login.password_file is None:
        return None
    return read_secret(login.password_file, f"{table} password_file")


def _tls_context(login: LoginSettings, server: ServerIdentity) -> ssl.SSLContext | None:
    table = f"[{server.table}]"
    if not server.tls:
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(login, key) is not None:
                raise ConfigError(
                    f"{table} {key} is for TLS, but {server.title}; write {server.tls_address}"
                )
        return None
    if login.key_file is not None and login.cert_file is None:
        raise ConfigError(f"{table} has a key_file but no cert_file; give cert_file too")
    context = _verifying_context(login.ca_file, table)
    context.sslsocket_class = _ClosingSocket
    if login.cert_file is not None:
        _load_client_certificate(context, login.cert_file, login.key_file, table)
    return context


def _verifying_context(ca_file: Path | None, table: str) -> ssl.SSLContext:
    file = f"{table} ca_file {ca_file}"
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigError(f"{file} holds no certificate; give a file in PEM format") from None
    except OSError as error:
        raise ConfigError(_unreadable(file, error)) from None


def _load_client_certificate(
    context: ssl.SSLContext, cert: Path, key: Path | None, table: str
) -> None:
    for file, name in ((cert, "cert_file"), (key, "key_file")):
        try:
            if file is not None:
                file.open("rb").close()
        except OSError as error:
            raise ConfigError(_unreadable(f"{table} {name} {file}", error)) from None
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else OpenSSL prompts for it
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
    """Return the content of a secret file without its line end.

    Parameters
    ----------
    file
        Contains only the secret, in UTF-8.
    key
        Key that names the file, for error messages: "[mqtt] password_file".

    Raises
    ------
    ConfigError
        The file cannot be read, or is empty or too long.
    """
    subject, noun = f"{key} {file}", key.rpartition(" ")[2].removesuffix("_file")
    try:
        with file.open("rb") as opened:
            content = opened.read(limits.MAX_PASSWORD_BYTES + 2)
        secret = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(
            f"{subject} is not text in UTF-8; write only the {noun} into it"
        ) from None
    except OSError as error:
        raise ConfigError(_unreadable(subject, error)) from None
    if not secret or len(content) > limits.MAX_PASSWORD_BYTES:
        raise ConfigError(f"{subject} holds no {noun}; write only the {noun} into it")
    return secret


def _unreadable(subject: str, error: OSError) -> str:
    cause = (error.strerror or str(error)).lower()
    return f"{subject} cannot be read ({cause}); correct the path, or allow this user to read it"

"""Who we are to a broker, and whom we trust: user, password, certificates."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from streamer.config.models import Mqtt
from streamer.config.secret import read_secret, unreadable
from streamer.errors import ConfigError
from streamer.mqtt.address import Address


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection is opened with.

    Attributes
    ----------
    user, password
        None where none is given. The password stands in no representation.
    tls
        How the broker's certificate is verified, and ours; None for a connection without TLS.
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


def read_credentials(config: Mqtt, address: Address) -> Credentials:
    """Read what the `[mqtt]` table names.

    The broker's certificate is always verified, against `ca_file` or else the authorities that this
    machine trusts.

    Raises
    ------
    ConfigError
        Keys that do not go together, or a file that cannot be read.
    """
    return Credentials(config.user, _password(config), _tls(config, address))


def _password(config: Mqtt) -> str | None:
    if config.password is not None and config.password_file is not None:
        raise ConfigError("[mqtt] has a password and a password_file; give one of them")
    if config.user is None and (config.password is not None or config.password_file is not None):
        raise ConfigError("[mqtt] has a password but no user; give user too")
    if config.password is not None:
        return config.password.get_secret_value()
    if config.password_file is None:
        return None
    return read_secret(config.password_file, "[mqtt] password_file")


def _tls(config: Mqtt, address: Address) -> ssl.SSLContext | None:
    if not address.tls:
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(config, key) is not None:
                raise ConfigError(
                    f"[mqtt] {key} is for TLS, but the broker is {address}; "
                    "write mqtts://HOST[:PORT]"
                )
        return None
    if config.key_file is not None and config.cert_file is None:
        raise ConfigError("[mqtt] has a key_file but no cert_file; give cert_file too")
    context = _context(config.ca_file)
    context.sslsocket_class = _Socket
    if config.cert_file is not None:
        _add_own_certificate(context, config.cert_file, config.key_file)
    return context


def _context(ca_file: Path | None) -> ssl.SSLContext:
    what = f"[mqtt] ca_file {ca_file}"
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigError(f"{what} holds no certificate; give a file in PEM format") from None
    except OSError as error:
        raise ConfigError(unreadable(what, error)) from None


def _add_own_certificate(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    for file, name in ((cert, "cert_file"), (key, "key_file")):
        try:
            if file is not None:
                file.open("rb").close()
        except OSError as error:
            raise ConfigError(unreadable(f"[mqtt] {name} {file}", error)) from None
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else it asks the terminal
    except (ssl.SSLError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            raise ConfigError(
                f"[mqtt] key_file {key or cert} does not belong to cert_file {cert}"
            ) from None
        raise ConfigError(
            f"[mqtt] cert_file {cert} and its key cannot be used; give a certificate and a key "
            "without passphrase, in PEM format"
        ) from None

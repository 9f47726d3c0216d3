"""Verify HTTP Basic logins against a mosquitto password file, shared with the broker."""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

_PBKDF2_SHA512 = "7"  # mosquitto's number of the scheme
_MAX_ITERATIONS = 1_000_000


class Users:
    """Users of a mosquitto password file.

    Parameters
    ----------
    file
        Lines `user:$7$iterations$salt$hash`, as `mosquitto_passwd` writes them.

    Raises
    ------
    ValueError
        The file cannot be read or parsed; the message names it.
    """

    def __init__(self, file: Path) -> None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ValueError(f"cannot read {file}: {error.strerror}; correct the path") from None
        except UnicodeDecodeError:
            raise ValueError(f"cannot read {file}: not UTF-8 text") from None
        self._hashes = {}
        for number, line in enumerate(filter(None, lines), 1):
            user, _, stored = line.partition(":")
            try:
                self._hashes[user] = _parse_hash(stored)
            except ValueError:
                raise ValueError(
                    f"cannot read {file}, line {number}: not a line of mosquitto_passwd"
                ) from None
        if not self._hashes:
            raise ValueError(f"{file} names no user; add one: mosquitto_passwd FILE USER")
        self._verified: set[str] = set()  # at most one header per user

    def authenticate(self, authorization: str) -> bool:
        """Return whether an Authorization header (Basic, RFC 7617) holds a valid login."""
        if authorization in self._verified:
            return True
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        if scheme.lower() != "basic" or user not in self._hashes:
            return False
        iterations, salt, key = self._hashes[user]
        found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, len(key))
        if not hmac.compare_digest(found, key):
            return False
        self._verified.add(authorization)
        return True


def _parse_hash(stored: str) -> tuple[int, bytes, bytes]:
    """Return iterations, salt and key."""
    empty, scheme, iterations, salt, key = stored.split("$")
    if empty or scheme != _PBKDF2_SHA512 or not 1 <= int(iterations) <= _MAX_ITERATIONS:
        raise ValueError(stored)
    decode = base64.b64decode
    return int(iterations), decode(salt, validate=True), decode(key, validate=True)

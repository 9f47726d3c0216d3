"""Users and passwords, in the file that mosquitto keeps them in: one file for broker and server."""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

_PBKDF2 = "7"  # mosquitto's number for PBKDF2 with SHA-512
_MOST_ROUNDS = 1_000_000


class Users:
    """Knows who may ask.

    Parameters
    ----------
    file
        Lines `user:$7$rounds$salt$hash`, as `mosquitto_passwd` writes them.

    Raises
    ------
    ValueError
        The file cannot be read, or holds something else; the message names the file.
    """

    def __init__(self, file: Path) -> None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file} cannot be read: {error}") from None
        self._kept = {}
        for number, line in enumerate(filter(None, lines), 1):
            user, _, kept = line.partition(":")
            try:
                self._kept[user] = _parse(kept)
            except ValueError:
                raise ValueError(
                    f"{file}, line {number}, is not as mosquitto_passwd writes it"
                ) from None
        if not self._kept:
            raise ValueError(f"{file} names no user; add one: mosquitto_passwd FILE USER")
        self._known: set[str] = set()

    def know(self, authorization: str) -> bool:
        """Whether an Authorization header (RFC 7617, Basic) has a user with the right password."""
        if authorization in self._known:
            return True
        scheme, _, coded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        if scheme.lower() != "basic" or user not in self._kept:
            return False
        rounds, salt, key = self._kept[user]
        given = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, len(key))
        if not hmac.compare_digest(given, key):
            return False
        self._known.add(authorization)  # one a user, or fewer
        return True


def _parse(kept: str) -> tuple[int, bytes, bytes]:
    nothing, kind, rounds, salt, key = kept.split("$")
    if nothing or kind != _PBKDF2 or not 1 <= int(rounds) <= _MOST_ROUNDS:
        raise ValueError(kept)
    return int(rounds), base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)

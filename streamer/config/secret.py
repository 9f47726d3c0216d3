"""Secrets that stand in files of their own."""

from pathlib import Path

from streamer import limits
from streamer.errors import ConfigError


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
            content = opened.read(limits.PASSWORD_BYTES + 2)
        secret = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{what} is no text in UTF-8; write the {noun} alone in it") from None
    except OSError as error:
        raise ConfigError(unreadable(what, error)) from None
    if not secret or len(content) > limits.PASSWORD_BYTES:
        raise ConfigError(f"{what} holds no {noun}; write the {noun} alone in it")
    return secret


def unreadable(what: str, error: OSError) -> str:
    """Put into words that a file of the configuration cannot be read."""
    why = (error.strerror or str(error)).lower()
    return f"{what} cannot be read ({why}); correct the path, or allow this user to read it"

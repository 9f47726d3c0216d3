"""Four seconds of synthetic music, as MP3 and on web and Icecast servers."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.icecast import Answer, Icecast, WebServer, encode

RATE = 44100
SECONDS = 4
Music = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def song(music: Music) -> np.ndarray:
    return music(SECONDS, RATE)


@pytest.fixture(scope="module")
def mp3(song: np.ndarray) -> bytes:
    return encode(song, RATE)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[dict[str, Answer]], WebServer]]:
    with contextlib.ExitStack() as servers:
        yield lambda answers: servers.enter_context(WebServer(answers))


@pytest.fixture
def icecast(tmp_path: Path) -> Iterator[Icecast]:
    server = Icecast(tmp_path)
    server.start()
    yield server
    server.resume()
    server.stop()

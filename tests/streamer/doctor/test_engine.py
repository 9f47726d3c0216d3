"""What the doctor says of a server of engines."""

import pytest

from streamer.config.models import Engine
from streamer.doctor.engine_check import check_engine
from tests.support.ports import free_port


def finding(**remote):
    table = Engine.model_validate({"remote": remote})
    return {found.subject: found for found, _ in check_engine(table)}["engine: server"]


def test_without_one_nothing_is_said():
    subjects = [found.subject for found, _ in check_engine(Engine())]
    assert "engine: server" not in subjects


def test_one_that_is_away_is_a_warning_for_the_engine_here_answers():
    url = f"http://127.0.0.1:{free_port()}"
    found = finding(url=url)
    assert found.level == "warn"
    assert found.seen == f"not at {url}: connection refused; the engine here answers"


@pytest.mark.parametrize(
    ("remote", "advice"),
    [
        ({"url": "gpu:80"}, "write http://HOST[:PORT], or https://HOST[:PORT] (TLS)"),
        ({"url": "https://gpu", "ca_file": "gone.pem"}, "gone.pem cannot be read"),
    ],
)
def test_a_mistake_fails(remote, advice):
    found = finding(**remote)
    assert found.level == "fail"
    assert advice in f"{found.seen}; {found.advice}"

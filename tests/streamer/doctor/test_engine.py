"""Check of the inference server."""

import pytest

from streamer.config.models import Engine
from streamer.doctor.engine_check import check_engine
from tests.support.ports import free_port


def finding(**remote):
    table = Engine.model_validate({"remote": remote})
    return {found.subject: found for found, _ in check_engine(table)}["engine: server"]


def test_without_a_server_there_is_no_finding():
    subjects = [found.subject for found, _ in check_engine(Engine())]
    assert "engine: server" not in subjects


def test_an_unreachable_server_is_a_warning_because_the_local_engine_takes_over():
    url = f"http://127.0.0.1:{free_port()}"
    found = finding(url=url)
    assert found.level == "warn"
    assert found.seen == f"cannot use {url}: connection refused; the local engine takes over"


@pytest.mark.parametrize(
    ("remote", "advice"),
    [
        ({"url": "gpu:80"}, "write http://HOST[:PORT], or https://HOST[:PORT] (TLS)"),
        ({"url": "https://gpu", "ca_file": "gone.pem"}, "gone.pem cannot be read"),
    ],
)
def test_an_invalid_setting_fails(remote, advice):
    found = finding(**remote)
    assert found.level == "fail"
    assert advice in f"{found.seen}; {found.advice}"

"""One file of users for the broker and for the server of engines."""

import base64
import subprocess

import pytest

from deploy.serving.users import Users
from tests.deploy.serving.conftest import PASSWORD, USER

pytestmark = pytest.mark.peer


def header(user, password, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_who_mosquitto_knows_is_known(password_file):
    users = Users(password_file)
    for _ in range(2):
        assert users.know(header(USER, PASSWORD))
        assert users.know(header(USER, PASSWORD, "basic")) is True


def test_a_password_with_a_colon_is_one(password_file, tmp_path):
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "ü", "a:b"], check=True)
    assert Users(file).know(header("ü", "a:b"))


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Basic", "Basic !", "Basic /w==", header(USER, ""), header(USER, PASSWORD + " "),
        header("other", PASSWORD), header("", ""), header(USER, PASSWORD, "Bearer"),
    ],
)  # fmt: skip
def test_nobody_else_is(password_file, authorization):
    users = Users(password_file)
    for _ in range(2):
        assert not users.know(authorization)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"", "names no user; add one: mosquitto_passwd FILE USER"),
        (b"\xff", "cannot be read"),
        (b"stage:secret\n", "line 1, is not as mosquitto_passwd writes it"),
        (b"stage:$6$AAAA$AAAA\n", "line 1, is not"),
        (b"stage:$7$x$AAAA$AAAA\n", "line 1, is not"),
        (b"stage:$7$999999999$AAAA$AAAA\n", "line 1, is not"),
        (b"stage:$7$101$A$AAAA\n", "line 1, is not"),
    ],
)
def test_another_file_is_told(tmp_path, content, reason):
    file = tmp_path / "passwords"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        Users(file)
    assert str(file) in str(caught.value)

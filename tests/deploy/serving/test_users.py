"""Verify logins against a mosquitto password file."""

import base64
import subprocess

import pytest

from deploy.serving.users import Users
from tests.deploy.serving.conftest import PASSWORD, USER

pytestmark = pytest.mark.peer


def header(user, password, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_a_user_of_the_password_file_is_accepted(password_file):
    users = Users(password_file)
    for _ in range(2):
        assert users.authenticate(header(USER, PASSWORD))
        assert users.authenticate(header(USER, PASSWORD, "basic")) is True


def test_a_password_with_a_colon_is_accepted(password_file, tmp_path):
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "ü", "a:b"], check=True)
    assert Users(file).authenticate(header("ü", "a:b"))


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Basic", "Basic !", "Basic /w==", header(USER, ""), header(USER, PASSWORD + " "),
        header("other", PASSWORD), header("", ""), header(USER, PASSWORD, "Bearer"),
    ],
)  # fmt: skip
def test_any_other_login_is_refused(password_file, authorization):
    users = Users(password_file)
    for _ in range(2):
        assert not users.authenticate(authorization)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read"),
        (b"", "names no user; add one: mosquitto_passwd FILE USER"),
        (b"\xff", "cannot read"),
        (b"stage:secret\n", "line 1: not a line of mosquitto_passwd"),
        (b"stage:$6$AAAA$AAAA\n", "line 1: not"),
        (b"stage:$7$x$AAAA$AAAA\n", "line 1: not"),
        (b"stage:$7$999999999$AAAA$AAAA\n", "line 1: not"),
        (b"stage:$7$101$A$AAAA\n", "line 1: not"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path, content, reason):
    file = tmp_path / "passwords"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        Users(file)
    assert str(file) in str(caught.value)

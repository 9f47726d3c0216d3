"""`python -m training` answers mistakes with one line."""

import pytest
from typer.testing import CliRunner

from training.__main__ import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["evaluate", "baselines"])
def test_an_unknown_recipe_is_one_line(tmp_path, command):
    result = run(command, "--recipe", "nope", "--output", tmp_path / "result.json")
    assert result.exit_code == 2
    assert "no recipe 'nope'" in result.output


@pytest.mark.parametrize("command", ["evaluate", "baselines"])
def test_missing_data_are_one_line(tmp_path, command):
    result = run(
        command,
        "--recipe",
        "window-3s",
        "--output",
        tmp_path / "result.json",
        "--data",
        tmp_path / "no-data",
    )
    assert result.exit_code == 2
    assert "no-data" in result.output
    assert "Traceback" not in result.output

"""Test that `python -m training` reports mistakes in one line."""

import pytest
from typer.testing import CliRunner

from training.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_line(result):
    """Return the one-line error of a failed command."""
    assert result.exit_code == 1
    (line,) = result.output.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("command", ["distill", "fit", "evaluate"])
def test_an_unknown_recipe_is_reported_in_one_line(command):
    assert "cannot load recipe 'nope'" in error_line(run(command, "--recipe", "nope"))


@pytest.mark.parametrize(
    ("command", "recipe"),
    [("distill", "student"), ("fit", "distilled"), ("evaluate", "distilled")],
)
def test_missing_data_are_reported_in_one_line(tmp_path, command, recipe):
    result = run(command, "--recipe", recipe, "--data", tmp_path / "no-data")
    assert "no-data" in error_line(result)


def test_a_mistake_in_a_recipe_is_reported_in_one_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("window_frames = 86\nstepps = 3\n[datasets]\nvgmidi = 1.0\n", encoding="utf-8")
    assert "mine.toml: stepps" in error_line(run("fit", "--recipe", path))


def test_the_data_sets_are_listed_with_the_folders_searched(tmp_path):
    result = run("datasets", "--data", tmp_path)
    assert result.exit_code == 0
    assert "vgmidi" in result.output
    assert f"Searched {tmp_path}" in result.output


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_an_invalid_override_is_reported_in_one_line(command):
    result = run(command, "--recipe", "distilled", "--change", "network.widht=3")
    assert "unknown key 'widht'" in error_line(result)


def test_an_unknown_arm_is_reported(tmp_path):
    result = run("ablate", "--against", "everything", "--data", tmp_path)
    assert "invalid --against everything: arms are full, without DSAF" in error_line(result)


def test_a_missing_model_is_reported_in_one_line(tmp_path):
    result = run("attention", tmp_path / "model.pt", tmp_path / "song.wav")
    assert "model.pt: it is missing" in error_line(result)


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_a_changed_recipe_requires_its_own_output(command, tmp_path):
    result = run(command, "--recipe", "distilled", "--change", "steps=3", "--data", tmp_path)
    assert "with --change: name" in error_line(result)


@pytest.mark.parametrize("command", ["evaluate", "ablate"])
def test_a_report_must_be_html(command, tmp_path):
    options = ["--recipe", "distilled"] if command == "evaluate" else []
    result = run(command, *options, "--output", tmp_path / "report.json")
    assert "must end in .html" in error_line(result)

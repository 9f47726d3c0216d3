"""Recipes: small files, every mistake in them named."""

from dataclasses import asdict

import pytest

from training.fitting import recipe as module
from training.fitting.recipe import RECIPES, Recipe, load_recipe

SHIPPED = sorted(path.stem for path in RECIPES.glob("*.toml"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a recipe where recipes are looked for."""
    monkeypatch.setattr(module, "RECIPES", tmp_path)

    def write(text, name="mine"):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

    return write


GOOD = 'window_frames = 86\nsound_fonts = ["a.sf2"]\n[datasets]\nvgmidi = 1.0\n'


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_can_be_read(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.front_end.window_frames == recipe.window_frames
    assert len(recipe.sound_fonts) >= 3
    assert sum(recipe.shares.values()) == pytest.approx(1.0)


def test_what_a_recipe_leaves_out_has_a_default(write):
    write(GOOD)
    assert load_recipe("mine") == Recipe(
        name="mine", window_frames=86, sound_fonts=["a.sf2"], datasets={"vgmidi": 1.0}
    )


def test_the_network_has_a_table_of_its_own(write):
    write(GOOD + "[network]\nwidth = 12\n")
    assert load_recipe("mine").network.width == 12


def test_a_recipe_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ValueError, match="no recipe 'window-9s'") as error:
        load_recipe("window-9s")
    assert all(name in str(error.value) for name in SHIPPED)


def test_an_unknown_key_is_named(write):
    write("stepps = 3\n" + GOOD)
    with pytest.raises(ValueError, match=r"mine\.toml: unknown key 'stepps'"):
        load_recipe("mine")


def test_an_unknown_key_of_the_network_is_named(write):
    write(GOOD + "[network]\nwidht = 12\n")
    with pytest.raises(ValueError, match="widht"):
        load_recipe("mine")


def test_a_missing_key_is_named(write):
    write("[datasets]\nvgmidi = 1.0\n")
    with pytest.raises(ValueError, match="window_frames"):
        load_recipe("mine")


def test_a_file_that_is_no_toml_is_an_error_of_the_same_kind(write):
    write("steps = = 3\n")
    with pytest.raises(ValueError, match="line 1"):
        load_recipe("mine")


def test_a_recipe_is_plain_data(make_recipe):
    assert asdict(make_recipe())["network"]["width"] == 8

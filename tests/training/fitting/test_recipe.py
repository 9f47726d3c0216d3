"""Test loading of recipes, and the errors for every mistake in them."""

import tomllib

import pytest
from pydantic import ValidationError

from training.fitting import recipe_files as module
from training.fitting.recipe import (
    LABELLED_BY_TEACHER,
    SAML,
    Augmentation,
    DistillRecipe,
    FitRecipe,
    TeacherLabels,
)
from training.fitting.recipe_files import RECIPE_DIR, load_any_recipe, load_recipe, with_overrides
from training.sound.render import Rendering

SHIPPED = sorted(path.stem for path in RECIPE_DIR.glob("*.toml"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a recipe into the recipe folder."""
    monkeypatch.setattr(module, "RECIPE_DIR", tmp_path)

    def write(text, name="mine"):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

    return write


GOOD = """
window_frames = 86
renderings = [{ sound_font = "a.sf2", tempo = 1.1 }]
datasets = { vgmidi = 1.0 }
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_can_be_read(name):
    content = tomllib.loads((RECIPE_DIR / f"{name}.toml").read_text(encoding="utf-8"))
    kind = DistillRecipe if "pool" in content else FitRecipe
    recipe = load_recipe(kind, name)
    assert load_any_recipe(name) == recipe
    assert recipe.name == name
    assert recipe.front_end.window_frames == recipe.window_frames
    assert recipe.origin == "external" or len(recipe.renderings + recipe.variations) >= 3
    if isinstance(recipe, FitRecipe):
        assert sum(recipe.batch_shares.values()) == pytest.approx(1.0)


def test_omitted_keys_have_defaults(write):
    write(GOOD)
    assert load_recipe(FitRecipe, "mine") == FitRecipe(
        name="mine",
        window_frames=86,
        renderings=[Rendering("a.sf2", tempo=1.1)],
        datasets={"vgmidi": 1.0},
    )


def test_the_network_is_read_from_its_table(write):
    write(GOOD + "[network]\nwidth = 12\n")
    assert load_recipe(FitRecipe, "mine").network.width == 12


def test_augmentation_is_read_from_its_table(write):
    write(GOOD + "[augmentation]\nnoise = 0.5\n")
    assert load_recipe(FitRecipe, "mine").augmentation == Augmentation(noise=0.5)


def test_a_recipe_can_be_loaded_from_any_path(tmp_path):
    (tmp_path / "far.toml").write_text(GOOD, encoding="utf-8")
    assert load_recipe(FitRecipe, str(tmp_path / "far.toml")).name == "far"


def test_a_missing_recipe_error_lists_the_known_ones():
    with pytest.raises(ValueError, match="cannot load recipe 'window-9s'") as error:
        load_recipe(FitRecipe, "window-9s")
    assert all(name in str(error.value) for name in SHIPPED)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("stepps = 3", "stepps"),
        ("[network]\nwidht = 12", "widht"),
        ("[pcl]\npool = ['a']\nsettings = { confidence = 0.9 }", "pcl.*confidence"),
        ("[augmentation]\nnoize = 0.1", "augmentation.noize"),
        ("variations = [{ sound_font = 'a.sf2', tempi = 2.0 }]", "tempi"),
    ],
    ids=["recipe", "network", "pcl", "augmentation", "rendering"],
)
def test_an_unknown_key_is_reported(write, line, key):
    write(f"{GOOD}{line}\n")
    with pytest.raises(ValueError, match=rf"mine\.toml: .*{key}"):
        load_recipe(FitRecipe, "mine")


@pytest.mark.parametrize(
    ("line", "key"),
    [("steps = 0", "steps"), ("cold_start = 1.5", "cold_start"), ("batch = 'many'", "batch")],
)
def test_an_invalid_value_is_reported(write, line, key):
    write(f"{GOOD}{line}\n")
    with pytest.raises(ValueError, match=rf"mine\.toml: {key}: "):
        load_recipe(FitRecipe, "mine")


def test_a_missing_key_is_reported(write):
    write("[datasets]\nvgmidi = 1.0\n")
    with pytest.raises(ValueError, match="window_frames"):
        load_recipe(FitRecipe, "mine")


def test_a_recipe_of_the_other_kind_is_refused(write):
    write(GOOD)
    with pytest.raises(ValueError, match=r"mine\.toml: pool: "):
        load_recipe(DistillRecipe, "mine")


def test_invalid_toml_raises_the_same_error(write):
    write("steps = = 3\n")
    with pytest.raises(ValueError, match="line 1"):
        load_recipe(FitRecipe, "mine")


def test_a_recipe_survives_conversion_to_plain_data(make_recipe):
    recipe = make_recipe(renderings=[Rendering("a.sf2", transpose=2)])
    data = recipe.model_dump(mode="json")
    assert data["network"]["width"] == 8
    assert data["renderings"][0]["transpose"] == 2
    assert FitRecipe(**data) == recipe


def test_a_recipe_is_immutable(make_recipe):
    with pytest.raises(ValidationError, match="frozen"):
        make_recipe().steps = 4


def test_overrides_change_a_recipe(write):
    write(GOOD + "[pcl]\npool = ['unlabelled']\n")
    recipe = load_recipe(FitRecipe, "mine")
    other = with_overrides(
        recipe, "steps=9 network.fusion='concatenation' pcl.settings.cells=4 saml={}"
    )
    assert (other.steps, other.network.fusion, other.pcl.settings.cells) == (9, "concatenation", 4)
    assert other.saml == SAML()
    assert with_overrides(other, "pcl=none saml=none").model_dump() == {
        **recipe.model_dump(),
        "steps": 9,
        "pcl": None,
        "network": other.model_dump()["network"],
    }
    assert with_overrides(recipe, "") == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepps=3", "stepps"),
        ("network.widht=12", "widht"),
        ("saml.weight=1.0", "no table saml"),
        ("steps.many=1", "no table steps"),
        ("steps=many", "not a TOML value"),
        ("steps=0", "steps: "),
        ("steps", "not a TOML value"),
    ],
)
def test_an_invalid_override_is_reported(write, change, message):
    write(GOOD)
    with pytest.raises(ValueError, match=message):
        with_overrides(load_recipe(FitRecipe, "mine"), change)


def test_a_weight_of_an_unknown_data_set_is_reported(write):
    write(f"{GOOD}weights = {{ vgmid = 0.5 }}\n")
    with pytest.raises(ValueError, match=r"`weights` has vgmid, which is no data set"):
        load_recipe(FitRecipe, "mine")


def test_music_labelled_by_the_teacher_has_a_share_and_is_read(make_recipe):
    taught = TeacherLabels(pool=["recordings"], share=0.3)
    recipe = make_recipe(auxiliary={"emopia": 0.2}, teacher_labels=taught)
    assert recipe.batch_shares == {"musemodataset": 1.0, "emopia": 0.2, LABELLED_BY_TEACHER: 0.3}
    assert recipe.labelled == {"musemodataset": 1.0, "emopia": 0.2}
    assert recipe.all_datasets == ["musemodataset", "emopia", "recordings"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[teacher_labels]\npool = []", "teacher_labels.pool"),
        (
            "[teacher_labels]\npool = ['vgmidi']",
            "vgmidi is in `teacher_labels.pool` and",
        ),
        ("[auxiliary]\ndeam = 0.2\n[teacher_labels]\npool = ['own']", "heads were trained on its"),
    ],
    ids=["empty pool", "labelled pool", "known to the heads"],
)
def test_teacher_labels_that_mislead_are_refused(write, lines, message):
    write(f"{GOOD}{lines}\n")
    with pytest.raises(ValueError, match=message):
        load_recipe(FitRecipe, "mine")


def test_a_recipe_without_a_data_set_keeps_the_others(make_recipe):
    recipe = make_recipe(
        datasets={"vgmidi": 0.5, "previews": 0.5}, weights={"previews": 0.5, "vgmidi": 2.0}
    )
    without = recipe.without("previews")
    assert without.datasets == {"vgmidi": 0.5}
    assert without.weights == {"vgmidi": 2.0}
    assert recipe.without("unknown") == recipe
    with pytest.raises(ValueError, match="cannot leave vgmidi out: tiny has no other data set"):
        without.without("vgmidi")

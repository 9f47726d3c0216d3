"""Load recipes from TOML files, with overrides from the command line."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from training.fitting.recipe import DistillRecipe, FitRecipe, Recipe

RECIPE_DIR = Path(__file__).parents[1] / "recipes"
Kind = TypeVar("Kind", bound=Recipe)


def load_recipe(kind: type[Kind], name: str) -> Kind:
    """Load and validate `recipes/<name>.toml`, or the file if `name` is a path.

    Raises
    ------
    ValueError
        The recipe does not exist, or a key is unknown, missing or invalid.
    """
    path, values = _read(name)
    return _validate(kind, values, path.name)


def load_any_recipe(name: str) -> FitRecipe | DistillRecipe:
    """Load a recipe of either kind: one with `datasets` is a `FitRecipe`."""
    path, values = _read(name)
    if "datasets" in values:
        return _validate(FitRecipe, values, path.name)
    return _validate(DistillRecipe, values, path.name)


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    path = Path(name) if name.endswith(".toml") else RECIPE_DIR / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in RECIPE_DIR.glob("*.toml")))
        raise ValueError(f"cannot load recipe {name!r}: it does not exist; known are {known}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"cannot load {path.name}: not TOML ({error})") from None
    return path, {**values, "name": path.stem}


def with_overrides(recipe: Kind, overrides: str) -> Kind:
    """Copy a recipe with overrides, such as "network.layers=2 pcl=none".

    Overrides are separated by spaces. Values are TOML; `none` removes a table.

    Raises
    ------
    ValueError
        As for `load_recipe`.
    """
    values: dict[str, Any] = recipe.model_dump()
    for change in overrides.split():
        key, _, text = change.partition("=")
        *tables, last = key.split(".")
        place = values
        for table in tables:
            match place.get(table):
                case dict(inner):
                    place = inner
                case _:
                    raise ValueError(f"cannot apply {change}: {recipe.name} has no table {table}")
        try:
            place[last] = None if text == "none" else tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            raise ValueError(f"cannot apply {change}: {text!r} is not a TOML value") from None
    return _validate(type(recipe), values, f"{recipe.name} with {overrides}")


def _validate(kind: type[Kind], values: dict[str, Any], source: str) -> Kind:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"invalid recipe {source}: {where}: {first['msg']}") from None

"""Virtual environment of each peer, so that their versions cannot conflict."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDER = ROOT / ".cache/peers"


def python_of(name: str, packages: tuple[str, ...], bare: tuple[str, ...] = ()) -> Path:
    """Return the interpreter of an environment with packages; create it if missing.

    Parameters
    ----------
    name
        Name of its folder.
    packages, bare
        Its packages; those in `bare` are installed without dependencies.

    Raises
    ------
    RuntimeError
        A package cannot be installed.
    """
    folder = _FOLDER / name
    python, label = folder / "bin/python", folder / "packages"
    wanted = "\n".join((*packages, *bare))
    if label.is_file() and label.read_text(encoding="utf-8") == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    _install(python, *packages)
    if bare:
        _install(python, "--no-deps", *bare)
    label.write_text(wanted, encoding="utf-8")
    return python


def versions_of(name: str) -> list[str]:
    """Return the packages of an environment, as `pip freeze` lists them."""
    command = [str(_FOLDER / name / "bin/python"), "-m", "pip", "freeze"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split()


def _install(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        output = done.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"pip cannot install {' '.join(arguments)}: {output[-1]}")

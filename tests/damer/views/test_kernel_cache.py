"""Test the views without a writable cache for compiled code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import damer

pytestmark = pytest.mark.long

PROGRAM = """
import logging
logging.basicConfig(level=logging.INFO, format="%(name)s|%(message)s")
import numpy as np
from damer.views import FrontEnd, FrontEndSpec
print(FrontEnd(FrontEndSpec()).push(np.zeros(512, dtype=np.float32)).mel.shape)
"""


@pytest.fixture(scope="module")
def without_cache(tmp_path_factory):
    """Run a program that can create no cache folder, neither in the package nor for the user.

    A path below a file cannot be written, not even by root.
    """
    folder = tmp_path_factory.mktemp("locked")
    shutil.copytree(
        Path(damer.__file__).parent / "views",
        folder / "damer/views",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "damer/__init__.py").touch()
    (folder / "damer/views/__pycache__").touch()
    (folder / "file").touch()
    unwritable = str(folder / "file/below")
    environment = {
        **os.environ,
        "HOME": unwritable,
        "XDG_CACHE_HOME": unwritable,
        "NUMBA_CACHE_DIR": unwritable,
        "PYTHONPATH": str(folder),
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_views_work(without_cache):
    assert without_cache.returncode == 0, without_cache.stderr
    assert without_cache.stdout.strip() == "(2, 128)"


def test_the_missing_cache_is_logged(without_cache):
    lines = [line for line in without_cache.stderr.splitlines() if line.startswith("damer.")]
    assert lines
    assert all("cannot cache compiled code" in line for line in lines)


def test_the_missing_cache_is_logged_once(without_cache):
    assert without_cache.stderr.count("cannot cache compiled code") == 1

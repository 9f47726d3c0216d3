"""Weights are verified by SHA-256 before they are opened."""

import hashlib
import shutil

import pytest

from damer import weights
from damer.weights import SHIPPED_MODEL
from streamer.engines import open_engine
from streamer.errors import EngineError


@pytest.mark.parametrize("name", ["damer.onnx", "damer-int8.onnx"])
def test_shipped_weights_match_their_digest(name):
    path = SHIPPED_MODEL.with_name(name)
    assert weights.shipped_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_changed_shipped_weights_are_refused(tmp_path, monkeypatch):
    shutil.copytree(SHIPPED_MODEL.parent, tmp_path, dirs_exist_ok=True)
    changed = tmp_path / "damer.onnx"
    monkeypatch.setattr(weights, "SHIPPED_MODEL", changed)
    open_engine(changed)
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    with pytest.raises(EngineError, match="is damaged or was changed; reinstall"):
        open_engine(changed)


def test_own_weights_are_verified_against_the_configured_digest(tmp_path):
    mine = shutil.copy(SHIPPED_MODEL, tmp_path / "mine.onnx")
    digest = hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest()
    open_engine(mine)
    open_engine(mine, sha256=digest.upper())
    with pytest.raises(EngineError, match=rf"has the SHA-256 {digest}, not the one"):
        open_engine(mine, sha256="0" * 64)

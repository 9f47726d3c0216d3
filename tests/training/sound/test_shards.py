"""Test shards: packed frames are read back unchanged, damage is reported."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from damer.views import FrontEndSpec
from training.cli import app
from training.sound import feature_cache, shards
from training.sound.feature_cache import load_renditions, pack_frames, select_part
from training.sound.renditions import RECORDED
from training.sound.shards import index_shards, open_slice, pack

SPEC = FrontEndSpec()


@pytest.fixture
def renditions():
    """Eleven renditions of 2 to 22 frames: pairs of name and frames."""
    random = np.random.default_rng(0)
    return [(f"set/{k}", random.normal(size=(2 * k, 5)).astype(np.float16)) for k in range(1, 12)]


def read_shards(folder):
    return {name: open_slice(one) for name, one in index_shards(folder).items()}


def assert_same(folder, renditions):
    found = read_shards(folder)
    assert found.keys() == {name for name, _ in renditions}
    assert all(np.array_equal(found[name], frames) for name, frames in renditions)


@pytest.mark.parametrize("max_bytes", [1, 300, 10**9])
def test_packed_frames_are_read_back(tmp_path, renditions, max_bytes):
    pack(renditions, tmp_path, max_bytes)
    assert_same(tmp_path, renditions)


def test_shards_are_bounded_except_for_a_single_longer_rendition(tmp_path, renditions):
    sizes = [shard.stat().st_size - 128 for shard in pack(renditions, tmp_path, 100)]
    assert sum(sizes) == sum(frames.nbytes for _, frames in renditions)
    assert len(sizes) > 8
    assert all(size <= 100 for size in sizes[:3])
    assert max(sizes) == renditions[-1][1].nbytes


def test_frames_are_memory_mapped_read_only(tmp_path, renditions):
    pack(renditions, tmp_path)
    (one, *_) = read_shards(tmp_path).values()
    assert isinstance(one, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 0.0


def test_packing_again_adds_only_new_renditions(tmp_path, renditions):
    assert len(pack(renditions[:7], tmp_path)) == 1
    assert len(pack(renditions, tmp_path)) == 1
    assert pack(renditions, tmp_path) == []
    assert_same(tmp_path, renditions)


def test_shards_of_several_machines_are_merged_by_copying(tmp_path, renditions):
    for machine in ("one", "two"):
        pack(renditions[machine == "one" :: 2], tmp_path / machine)
        shutil.copytree(tmp_path / machine, tmp_path / "both", dirs_exist_ok=True)
    assert_same(tmp_path / "both", renditions)


def test_a_partial_shard_is_removed_and_one_without_index_is_ignored(
    tmp_path, renditions, monkeypatch
):
    def fail(_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shards, "_checksum", fail)
        with pytest.raises(OSError, match="no space"):
            pack(renditions, tmp_path)
    assert not list(tmp_path.iterdir())
    (shard,) = pack(renditions, tmp_path)
    shard.with_suffix(".json").unlink()
    assert index_shards(tmp_path) == {}


def flip(path):
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("damage", [flip, truncate, lambda path: path.unlink()])
def test_a_damaged_or_missing_shard_is_reported(tmp_path, renditions, damage):
    (shard,) = pack(renditions, tmp_path)
    damage(shard)
    with pytest.raises(ValueError, match=rf"cannot read .*{shard.name}: "):
        read_shards(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sha256": "", "renditions": {"a": 1}}'])
def test_a_damaged_index_is_reported(tmp_path, content):
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.json: it is damaged"):
        index_shards(tmp_path)


@pytest.fixture
def work(make_piece, tmp_path):
    return [(make_piece(f"song {k}", source=tmp_path / f"{k}.wav"), RECORDED) for k in range(11)]


@pytest.mark.parametrize("parts", [1, 2, 4, 12])
def test_parts_partition_the_renditions_evenly(work, parts):
    selections = [select_part(work, number, parts) for number in range(1, parts + 1)]
    names = [piece.name for part in selections for piece, _ in part]
    assert sorted(names) == sorted(piece.name for piece, _ in work)
    sizes = [len(part) for part in selections]
    assert max(sizes) - min(sizes) <= 1


def test_a_part_does_not_depend_on_order_or_duplicates(work):
    first = [piece.name for piece, _ in select_part(work, 1, 3)]
    assert [piece.name for piece, _ in select_part(work[::-1] + work, 1, 3)] == first


@pytest.fixture
def venue(tmp_path, make_audio, write_wave):
    """Write labelled audio files with their table, and a recipe for them."""
    lines = ["path,start,end,valence,arousal,group"]
    for number in range(5):
        write_wave(tmp_path / f"data/own/{number}.wav", make_audio(0.0, 0.2, 1.0, seed=number))
        lines.append(f"{number}.wav,0,1,0.1,0.{number},{number}")
    (tmp_path / "data/own/labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text("window_frames = 43\n[datasets]\nown = 1.0\n", "utf-8")
    return tmp_path


def run_features(venue, *arguments):
    options = ["--recipe", venue / "own.toml", "--data", venue / "data", *arguments]
    return CliRunner().invoke(app, ["features", *map(str, options)])


def test_packed_parts_are_read_without_the_single_files(venue, monkeypatch):
    caches = [venue / "first", venue / "second"]
    for number, cache in enumerate(caches, start=1):
        done = run_features(
            venue, "--cache", cache, "--part", f"{number}/2", "--pack", venue / "packed"
        )
        assert done.exit_code == 0, done.output
        assert f"part {number}/2: {4 - number} renditions" in done.output
        assert "packed into 1 new shards" in done.output
    assert [len(list(cache.rglob("*.npy"))) for cache in caches] == [3, 2]
    monkeypatch.setattr(feature_cache, "ProcessPoolExecutor", None)  # any computation would fail
    again = run_features(venue, "--cache", venue / "packed")
    assert again.exit_code == 0, again.output
    assert "part 1/1: 5 renditions, 0.00 h" in again.output


def test_packed_frames_equal_those_of_single_files(tmp_path, make_piece, make_audio, write_wave):
    source = write_wave(tmp_path / "clip.wav", make_audio(0.2, 0.2))
    work = [(make_piece("clip", source=source), RECORDED)]
    (single,) = load_renditions(work, SPEC, tmp_path / "cache")
    pack_frames([single], SPEC, tmp_path / "packed")
    (packed,) = load_renditions(work, SPEC, tmp_path / "packed")
    assert np.array_equal(single.frames, packed.frames)
    assert not (tmp_path / "packed/frames").exists()
    (index,) = (tmp_path / "packed").rglob("*.json")
    assert [*json.loads(index.read_text(encoding="utf-8"))] == ["sha256", "renditions"]


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_an_invalid_part_is_reported_in_one_line(venue, part):
    result = run_features(venue, "--part", part)
    assert result.exit_code == 1
    assert result.output == f"error: invalid --part {part}: the second part of four is 2/4\n"


def test_precomputed_views_are_refused_in_one_line():
    result = CliRunner().invoke(app, ["features", "--recipe", "memo2496"])
    assert result.exit_code == 1
    expected = "error: cannot compute features for memo2496: its data sets have precomputed views\n"
    assert result.output == expected


def test_a_damaged_shard_is_reported_in_one_line(venue):
    run_features(venue, "--cache", venue / "cache", "--pack", venue / "packed")
    (shard,) = (venue / "packed").rglob("*.npy")
    truncate(shard)
    result = run_features(venue, "--cache", venue / "packed")
    assert result.exit_code == 1
    assert result.output.startswith(f"error: cannot read {shard}: it is damaged")

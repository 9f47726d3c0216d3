"""Test the feature cache: compute the frames of each rendition once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from damer.views import FrontEnd, FrontEndSpec
from training.datasets import PrecomputedViews
from training.fitting.selection import evaluation_renditions, training_renditions
from training.sound import feature_cache
from training.sound.feature_cache import load_embeddings, load_renditions
from training.sound.render import Rendering, decode
from training.sound.renditions import RECORDED, all_renderings, rotating_renderings

pytestmark = pytest.mark.long

SPEC = FrontEndSpec()
EXTERNAL = FrontEndSpec(origin="external")


@pytest.fixture
def piece(tmp_path, make_piece, make_audio, write_wave):
    source = write_wave(tmp_path / "clip.wav", make_audio(0.2, 0.2))
    return make_piece("clip", source=source)


@pytest.fixture
def cache(tmp_path, piece):
    load_renditions([(piece, RECORDED)], SPEC, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def forbid_computation(monkeypatch, cache):
    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(feature_cache, "ProcessPoolExecutor", refuse)


def test_cached_frames_equal_the_front_ends_in_half_precision(piece, cache):
    (rendition,) = load_renditions([(piece, RECORDED)], SPEC, cache)
    expected = FrontEnd(SPEC).push(decode(piece.source, SPEC.sample_rate))
    assert rendition.frames.dtype == np.float16
    assert np.array_equal(rendition.frames, np.concatenate(expected, axis=1).astype(np.float16))
    assert rendition.seconds(SPEC) == pytest.approx(2.0, abs=0.02)
    assert rendition.rendering == RECORDED


@pytest.mark.usefixtures("forbid_computation")
def test_a_second_call_reads_the_cache(piece, cache):
    assert len(load_renditions([(piece, RECORDED)], SPEC, cache)) == 1


@pytest.mark.usefixtures("forbid_computation")
@pytest.mark.parametrize("frames", [1, 86, 516])
def test_another_window_length_reads_the_cache(piece, cache, frames):
    assert (
        len(load_renditions([(piece, RECORDED)], replace(SPEC, window_frames=frames), cache)) == 1
    )


@pytest.mark.parametrize("change", [{"mel_floor": 1.0}, {"compression": 0.5}, {"mel_high": 8e3}])
def test_another_front_end_does_not_reuse_cached_frames(piece, cache, change):
    (old,) = load_renditions([(piece, RECORDED)], SPEC, cache)
    (new,) = load_renditions([(piece, RECORDED)], replace(SPEC, **change), cache)
    assert not np.array_equal(old.frames, new.frames)


def test_only_missing_renditions_are_computed(
    piece, cache, tmp_path, write_wave, make_audio, make_piece
):
    (kept,) = cache.rglob("*.npy")
    written = kept.stat().st_mtime_ns
    other = make_piece("other", source=write_wave(tmp_path / "other.wav", make_audio(0.0, 0.0)))
    renditions = load_renditions(all_renderings([other, piece], []), SPEC, cache)
    assert [one.piece.name for one in renditions] == ["other", "clip"]
    assert kept.stat().st_mtime_ns == written
    assert len(list(cache.rglob("*.npy"))) == 2


def test_no_partial_file_is_left(cache):
    assert not list(cache.rglob("*.partial"))


def test_an_undecodable_file_is_reported_and_leaves_no_cache_file(tmp_path, make_piece):
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    broken = make_piece("broken", source=tmp_path / "broken.wav")
    with pytest.raises(ValueError, match=r"cannot decode .*broken\.wav"):
        load_renditions([(broken, RECORDED)], SPEC, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_damaged_frames_are_reported(piece, cache):
    (kept,) = cache.rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"{kept.name}: it is damaged"):
        load_renditions([(piece, RECORDED)], SPEC, cache)


def test_a_segment_has_its_own_frames(piece, cache):
    whole, part = load_renditions(
        [(piece, RECORDED), (replace(piece, start=0.5, end=1.0), RECORDED)], SPEC, cache
    )
    assert whole.seconds(SPEC) == pytest.approx(2.0, abs=0.02)
    assert part.seconds(SPEC) == pytest.approx(0.5, abs=0.02)


def test_embeddings_of_another_teacher_are_not_read(piece, tmp_path, monkeypatch):
    teachers = []

    def embed(_audio, model):
        teachers.append(model.read_bytes())
        return np.ones(1), np.full((1, 200), len(teachers))

    monkeypatch.setattr(feature_cache.teacher, "embed", embed)
    monkeypatch.setattr(feature_cache, "ProcessPoolExecutor", ThreadPoolExecutor)
    found = []
    for content in (b"one", b"other", b"one"):
        (tmp_path / "musicnn.onnx").write_bytes(content)
        ((_, embeddings),) = load_embeddings([(piece, RECORDED)], tmp_path)
        found.append(embeddings[0, 0])
    assert found == [1, 2, 1]
    assert teachers == [b"one", b"other"]


def test_a_missing_teacher_is_named_with_its_remedy(piece, tmp_path):
    with pytest.raises(FileNotFoundError, match="run `make teacher`"):
        load_embeddings([(piece, RECORDED)], tmp_path)


FONTS = [Rendering("b.sf2"), Rendering("a.sf2"), Rendering("a.sf2", transpose=2)]


@pytest.fixture
def make_score(make_piece):
    def make(name="score", **values):
        return make_piece(name, source=Path(f"{name}.mid"), **values)

    return make


def test_recordings_have_one_rendition_and_midi_every_rendering(make_piece, make_score):
    clip, score = make_piece("clip"), make_score()
    work = all_renderings([clip, score], FONTS)
    assert [one for _, one in work] == [RECORDED, *FONTS]
    assert [one.name for one, _ in work] == ["clip", "score", "score", "score"]


def test_jobs_are_sorted_by_sound_font(cache, make_score, monkeypatch):
    sound_fonts = []

    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def map(self, compute, jobs):
            sound_fonts.extend(rendering.sound_font for _, _, rendering, _ in jobs)
            return iter(())

    monkeypatch.setattr(feature_cache, "ProcessPoolExecutor", Pool)
    with pytest.raises(ValueError, match="delete it"):
        load_renditions(all_renderings([make_score("one"), make_score("two")], FONTS), SPEC, cache)
    assert sound_fonts == ["a.sf2"] * 4 + ["b.sf2"] * 2


def test_rotating_renderings_are_used_equally(make_score):
    work = rotating_renderings([make_score(f"score{number}") for number in range(9)], FONTS)
    assert [one for _, one in work] == FONTS * 3


def test_rotation_does_not_depend_on_other_sets_or_later_pieces(make_piece, make_score):
    scores = [make_score(f"score{number}", dataset="emopia") for number in range(7)]
    others = [make_score(f"other{number}", dataset="vgmidi") for number in range(4)]
    without_others = {piece.name: how for piece, how in rotating_renderings(scores[:5], FONTS)}
    mixed = {
        piece.name: how
        for piece, how in rotating_renderings([*others, *scores, make_piece()], FONTS)
    }
    assert without_others == {name: mixed[name] for name in without_others}
    assert mixed["song"] == RECORDED


def names_and_renderings(work):
    return [(piece.name, how) for piece, how in work]


def test_variations_are_used_only_for_training_on_evaluated_sets(make_recipe, make_score):
    recipe = make_recipe(
        datasets={"vgmidi": 1.0},
        auxiliary={"emopia": 1.0},
        renderings=FONTS[:1],
        variations=FONTS[1:],
    )
    own = make_score("own", dataset="vgmidi")
    extra = [make_score(f"extra{number}", dataset="emopia") for number in range(3)]
    training, evaluation = (
        names_and_renderings(select(recipe, [own, *extra]))
        for select in (training_renditions, evaluation_renditions)
    )
    assert training[:3] == [("own", how) for how in FONTS]
    assert evaluation[:1] == [("own", FONTS[0])]
    assert training[3:] == evaluation[1:] == [(f"extra{k}", how) for k, how in enumerate(FONTS)]


def test_precomputed_views_are_loaded_unchanged(tmp_path, make_piece):
    random = np.random.default_rng(0)
    mel, cochleagram = random.normal(size=(3, 128, 44)), random.normal(size=(3, 84, 44))
    np.save(tmp_path / "mel.npy", mel)
    np.save(tmp_path / "cochleagram.npy", cochleagram)
    source = PrecomputedViews(tmp_path / "mel.npy", tmp_path / "cochleagram.npy", row=1)
    (rendition,) = load_renditions(
        [(make_piece("ready", source=source), RECORDED)], EXTERNAL, tmp_path / "cache"
    )
    assert rendition.frames.dtype == np.float32
    np.testing.assert_allclose(rendition.frames[:, :128], mel[1].T, rtol=1e-6)
    np.testing.assert_allclose(rendition.frames[:, 128:], cochleagram[1].T, rtol=1e-6)


def test_midi_without_a_rendering_is_reported(make_piece, tmp_path):
    score = make_piece("score", dataset="emopia", source=tmp_path / "score.mid")
    with pytest.raises(ValueError, match="cannot render emopia: it is MIDI"):
        rotating_renderings([score], [])

"""Test sampling of windows: they end at their label's time and contain no later frame."""

import numpy as np
import pytest
import torch

from damer.views import FrontEndSpec
from training.fitting.sampling import DistillationSampler, LabelledSampler, draw_uniforms
from training.sound.render import Rendering
from training.sound.renditions import (
    FIRST_ESTIMATE_SECONDS,
    RECORDED,
    Rendition,
    cut_windows,
    window_ends,
)

SPEC = FrontEndSpec(window_frames=43)
HOP_SECONDS = SPEC.hop / SPEC.sample_rate
BANDS = SPEC.mel_bands + SPEC.gammatone_channels


@pytest.fixture
def counting(make_piece):
    """Make a rendition whose values are frame numbers, with labels proportional to time."""

    def make(name="counting", frames=1000, rendering=RECORDED, **values):
        labels = {
            "times": [0.0, frames * HOP_SECONDS],
            "valence": [0.0, 1.0],
            "arousal": [0.0, -1.0],
        }
        piece = make_piece(name, **{**labels, **values})
        numbers = np.arange(frames, dtype=np.float16)[:, None] + np.zeros(BANDS, dtype=np.float16)
        return Rendition(piece, rendering, numbers)

    return make


def first_batch(renditions, recipe, seed=0):
    """Return the first batch."""
    return LabelledSampler(renditions, recipe).batch(draw_uniforms(seed, 1, recipe.batch))


def test_a_window_contains_the_frames_before_its_end(counting):
    mel, cochleagram = cut_windows(counting(), np.array([43, 100]), SPEC)
    assert mel.shape == (2, 128, 43)
    assert cochleagram.shape == (2, 84, 43)
    for view in (mel, cochleagram):
        assert torch.equal(view[0, 0], torch.arange(43.0))
        assert torch.equal(view[1, -1], torch.arange(57.0, 100.0))


def test_frames_before_the_start_are_digital_silence(counting):
    mel, cochleagram = cut_windows(counting(), np.array([10]), SPEC)
    assert torch.equal(mel[0, 0, 33:], torch.arange(10.0))
    assert torch.equal(
        mel[0, :, :33], torch.full((128, 33), float(np.float32(np.log(SPEC.mel_floor))))
    )
    assert not cochleagram[0, :, :33].any()


def test_later_frames_change_no_window(counting):
    rendition = counting()
    changed = rendition.frames.copy()
    changed[100:] = -1.0
    for ours, theirs in zip(
        cut_windows(rendition, np.array([60, 100]), SPEC),
        cut_windows(Rendition(rendition.piece, RECORDED, changed), np.array([60, 100]), SPEC),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("every", [0.1, 0.25, 1.0])
def test_windows_end_at_the_last_full_frame_before_their_time(counting, every):
    ends = window_ends(counting(), every, SPEC)
    times = FIRST_ESTIMATE_SECONDS + every * np.arange(len(ends))
    lateness = times - ends * HOP_SECONDS
    assert (lateness >= -1e-9).all()
    assert (lateness < HOP_SECONDS).all()
    assert ends[-1] <= 1000
    assert 1000 * HOP_SECONDS - times[-1] < every


def test_labels_equal_those_of_the_piece_at_the_windows_end(counting, make_recipe):
    mel, _, label, *_ = first_batch([counting()], make_recipe(batch=64))
    ends = mel[:, 0, -1] + 1
    share = ends / 1000
    np.testing.assert_allclose(label[:, 0], share, atol=1e-4)
    np.testing.assert_allclose(label[:, 1], -share, atol=1e-4)


@pytest.mark.parametrize(
    ("cold_start", "earliest", "latest"), [(0.0, 86, 1000), (1.0, 86, 86)], ids=["warm", "cold"]
)
def test_windows_end_between_the_first_estimate_and_the_last_frame(
    counting, make_recipe, cold_start, earliest, latest
):
    recipe = make_recipe(batch=128, cold_start=cold_start)
    mel, *_ = first_batch([counting()], recipe)
    ends = mel[:, 0, -1] + 1
    assert ends.min() >= earliest
    assert ends.max() <= latest
    assert len(ends.unique()) > (1 if latest > earliest else 0)


def test_cold_windows_are_partly_silence(counting, make_recipe):
    recipe = make_recipe(batch=128, cold_start=1.0, window_frames=258)
    mel, *_ = first_batch([counting()], recipe)
    silent = (mel[:, 0] < -18.0).sum(dim=1)
    assert (silent > 0).float().mean() > 0.9
    assert silent.max() <= 258 - int(FIRST_ESTIMATE_SECONDS / HOP_SECONDS)


def test_data_sets_have_their_share_of_the_batch(counting, make_recipe):
    recipe = make_recipe(batch=20, datasets={"vgmidi": 0.65, "musemodataset": 0.35})
    songs = [counting(dataset="vgmidi"), counting("clip", dataset="musemodataset", frames=500)]
    assert first_batch(songs, recipe).rows == {
        "vgmidi": slice(0, 13),
        "musemodataset": slice(13, 20),
    }


def test_a_window_of_a_step_is_the_same_in_a_batch_of_any_size():
    assert np.array_equal(draw_uniforms(3, 5, 4), draw_uniforms(3, 5, 9)[:4])
    assert not np.array_equal(draw_uniforms(3, 5, 4), draw_uniforms(3, 6, 4))


def test_a_batch_without_a_window_of_each_data_set_raises(counting, make_recipe):
    songs = [counting(dataset="vgmidi"), counting("clip", dataset="musemodataset")]
    recipe = make_recipe(batch=4, datasets={"vgmidi": 0.95, "musemodataset": 0.05})
    with pytest.raises(ValueError, match="batch = 4 leaves a data set"):
        first_batch(songs, recipe)


def test_pieces_are_sampled_equally_regardless_of_their_renditions(counting, make_recipe):
    often = [counting("often") for _ in range(9)]
    once = counting("once")
    once.frames[:] = -1.0
    mel = first_batch([*often, once], make_recipe(batch=600)).mel
    share = float((mel[:, 0, -1] == -1.0).float().mean())
    assert share == pytest.approx(0.5, abs=0.1)


def test_the_seed_decides_the_batches(counting, make_recipe):
    def batch(seed):
        return first_batch([counting()], make_recipe(), seed).mel

    assert torch.equal(batch(1), batch(1))
    assert not torch.equal(batch(1), batch(2))


def test_a_song_shorter_than_the_window_can_be_sampled(counting, make_recipe):
    recipe = make_recipe(window_frames=258)
    mel, *_ = first_batch([counting(frames=90)], recipe)
    assert mel.shape == (8, 128, 258)


def test_a_faster_rendition_has_the_labels_of_its_score_time(counting, make_recipe):
    fast = counting(rendering=Rendering("a.sf2", tempo=2.0))
    mel, _, label, *_ = first_batch([fast], make_recipe(batch=64))
    share = (2 * (mel[:, 0, -1] + 1) / 1000).clamp_max(1.0)
    np.testing.assert_allclose(label[:, 0], share, atol=1e-4)


@pytest.mark.parametrize("tempo", [1.0, 2.0])
def test_windows_end_within_the_labelled_range(counting, make_recipe, tempo):
    part = counting(
        rendering=Rendering("a.sf2", tempo=tempo),
        times=[6.0, 7.0, 8.0],
        valence=[0.0] * 3,
        arousal=[0.0] * 3,
    )
    ends = first_batch([part], make_recipe(batch=128)).mel[:, 0, -1].numpy() + 1
    played = ends * HOP_SECONDS * tempo
    assert played.min() >= 5.5 - tempo * HOP_SECONDS
    assert played.max() <= 8.5
    assert np.ptp(played) > 1.0


def test_a_data_set_without_a_piece_is_reported(counting, make_recipe):
    with pytest.raises(ValueError, match="cannot sample vgmidi"):
        LabelledSampler([counting()], make_recipe(datasets={"vgmidi": 1.0}))


@pytest.fixture
def embeddings():
    """Embeddings of windows that end every two seconds, not standardised."""
    random = np.random.default_rng(0)
    ends = np.arange(3.0, 11.0, 2.0)
    return ends, (5.0 + 3.0 * random.standard_normal((len(ends), 200))).astype(np.float32)


def test_windows_end_where_the_teachers_windows_end(counting, embeddings):
    ends, _ = embeddings
    sampler = DistillationSampler([counting()], [embeddings], SPEC)
    assert len(sampler) == len(ends)
    lateness = ends - (sampler.select(np.arange(len(ends))).mel[:, 0, -1].numpy() + 1) * HOP_SECONDS
    assert (lateness >= -1e-5).all()
    assert (lateness < HOP_SECONDS).all()


def test_a_window_beyond_the_last_frame_ends_at_it(counting, embeddings):
    sampler = DistillationSampler([counting(frames=500)], [embeddings], SPEC)
    assert float(sampler.select(np.array([3])).mel[0, 0, -1]) == 499.0


def test_each_embedding_belongs_to_its_window(counting, embeddings):
    ends, values = embeddings
    other = counting("other")
    other.frames[:] = -1.0
    both_embeddings = [(ends, values), (ends[:2], values[:2] + 50.0)]
    sampler = DistillationSampler([counting(), other], both_embeddings, SPEC)
    batch = sampler.batch(draw_uniforms(0, 1, 100))
    raw = batch.target.numpy() * sampler.std + sampler.mean
    is_other = batch.mel[:, 0, -1].numpy() == -1.0
    assert is_other.any()
    assert np.array_equal(is_other, raw.mean(axis=1) > 30.0)


def test_windows_are_drawn_by_the_weight_of_their_data_set(counting, embeddings):
    other = counting("other", dataset="other")
    sampler = DistillationSampler(
        [counting(), other], [embeddings, embeddings], SPEC, draw_weights={"other": 3.0}
    )
    other.frames[:] = -1.0
    last = sampler.batch(draw_uniforms(0, 1, 2000)).mel[:, 0, -1].numpy()
    assert np.mean(last == -1.0) == pytest.approx(0.75, abs=0.04)
    assert len(np.unique(last)) == 1 + len(embeddings[0])


def test_embeddings_are_standardised_by_their_own_statistics(counting, embeddings):
    sampler = DistillationSampler([counting()], [embeddings], SPEC)
    embedding = sampler.select(np.arange(len(sampler))).target
    assert embedding.dtype == torch.float32
    assert embedding.mean(dim=0).abs().max() < 1e-5
    torch.testing.assert_close(embedding.std(dim=0, correction=0), torch.ones(200))


def test_embeddings_are_standardised_by_given_statistics(counting, embeddings):
    given = np.full(200, 2.0, dtype=np.float32), np.full(200, 4.0, dtype=np.float32)
    sampler = DistillationSampler([counting()], [embeddings], SPEC, given)
    embedding = sampler.select(np.array([1])).target
    np.testing.assert_allclose(embedding[0], (embeddings[1][1] - 2.0) / 4.0, rtol=1e-5)

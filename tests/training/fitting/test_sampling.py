"""Windows end where their labels stand, and hear nothing later."""

import numpy as np
import pytest
import torch

from damer.views import FrontEndSpec
from training.fitting.sampling import FIRST_ESTIMATE_SECONDS, Sampler, window_ends, windows
from training.sound.features import Rendition

SPEC = FrontEndSpec(window_frames=43)
HOP_SECONDS = SPEC.hop / SPEC.sample_rate
BANDS = SPEC.mel_bands + SPEC.gammatone_channels


@pytest.fixture
def counting(make_piece):
    """Make a rendition whose every number is its frame, with labels that say the time."""

    def make(name="counting", frames=1000, **values):
        seconds = frames * HOP_SECONDS
        piece = make_piece(
            name, times=[0.0, seconds], valence=[0.0, 1.0], arousal=[0.0, -1.0], **values
        )
        numbers = np.arange(frames, dtype=np.float16)[:, None] + np.zeros(BANDS, dtype=np.float16)
        return Rendition(piece, "", numbers)

    return make


def test_a_window_holds_the_frames_before_its_end(counting):
    mel, cochleagram = windows(counting(), np.array([43, 100]), SPEC)
    assert mel.shape == (2, 128, 43)
    assert cochleagram.shape == (2, 84, 43)
    for view in (mel, cochleagram):
        assert torch.equal(view[0, 0], torch.arange(43.0))
        assert torch.equal(view[1, -1], torch.arange(57.0, 100.0))


def test_before_the_start_there_is_digital_silence(counting):
    mel, cochleagram = windows(counting(), np.array([10]), SPEC)
    assert torch.equal(mel[0, 0, 33:], torch.arange(10.0))
    assert torch.equal(
        mel[0, :, :33], torch.full((128, 33), float(np.float32(np.log(SPEC.mel_floor))))
    )
    assert not cochleagram[0, :, :33].any()


def test_what_follows_changes_no_window(counting):
    rendition = counting()
    changed = rendition.frames.copy()
    changed[100:] = -1.0
    for ours, theirs in zip(
        windows(rendition, np.array([60, 100]), SPEC),
        windows(Rendition(rendition.piece, "", changed), np.array([60, 100]), SPEC),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("every", [0.1, 0.25, 1.0])
def test_windows_end_at_the_last_whole_frame_of_their_time(counting, every):
    ends = window_ends(counting(), every, SPEC)
    times = FIRST_ESTIMATE_SECONDS + every * np.arange(len(ends))
    lateness = times - ends * HOP_SECONDS
    assert (lateness >= -1e-9).all()
    assert (lateness < HOP_SECONDS).all()
    assert ends[-1] <= 1000
    assert 1000 * HOP_SECONDS - times[-1] < every


def test_labels_are_those_of_the_piece_at_the_windows_end(counting, make_recipe):
    mel, _, label, _ = next(iter(Sampler([counting()], make_recipe(batch=64), seed=0)))
    ends = mel[:, 0, -1] + 1
    share = ends / 1000
    np.testing.assert_allclose(label[:, 0], share, atol=1e-4)
    np.testing.assert_allclose(label[:, 1], -share, atol=1e-4)


@pytest.mark.parametrize(
    ("cold_start", "least", "most"), [(0.0, 86, 1000), (1.0, 86, 86)], ids=["warm", "cold"]
)
def test_windows_end_between_the_first_estimate_and_the_last_frame(
    counting, make_recipe, cold_start, least, most
):
    recipe = make_recipe(batch=128, cold_start=cold_start)
    mel, *_ = next(iter(Sampler([counting()], recipe, seed=0)))
    ends = mel[:, 0, -1] + 1
    assert ends.min() >= least
    assert ends.max() <= most
    assert len(ends.unique()) > (1 if most > least else 0)


def test_cold_windows_are_partly_silence(counting, make_recipe):
    recipe = make_recipe(batch=128, cold_start=1.0, window_frames=258)
    mel, *_ = next(iter(Sampler([counting()], recipe, seed=0)))
    silent = (mel[:, 0] < -18.0).sum(dim=1)
    assert (silent > 0).float().mean() > 0.9
    assert silent.max() <= 258 - int(FIRST_ESTIMATE_SECONDS / HOP_SECONDS)


def test_data_sets_have_their_share(counting, make_recipe):
    recipe = make_recipe(batch=20, datasets={"vgmidi": 0.65, "musemodataset": 0.35})
    songs = [counting(dataset="vgmidi"), counting("clip", dataset="musemodataset", frames=500)]
    *_, rows = next(iter(Sampler(songs, recipe, seed=0)))
    assert rows == {"vgmidi": slice(0, 13), "musemodataset": slice(13, 20)}


def test_pieces_are_drawn_alike_however_often_they_are_rendered(counting, make_recipe):
    often = [counting("often") for _ in range(9)]
    once = counting("once")
    once.frames[:] = -1.0
    batches = iter(Sampler([*often, once], make_recipe(batch=200), seed=0))
    share = np.mean([float((next(batches)[0][:, 0, -1] == -1.0).float().mean()) for _ in range(3)])
    assert share == pytest.approx(0.5, abs=0.1)


def test_the_seed_decides_the_batches(counting, make_recipe):
    def batch(seed):
        return next(iter(Sampler([counting()], make_recipe(), seed)))[0]

    assert torch.equal(batch(1), batch(1))
    assert not torch.equal(batch(1), batch(2))


def test_a_song_shorter_than_the_window_can_be_sampled(counting, make_recipe):
    recipe = make_recipe(window_frames=258)
    mel, *_ = next(iter(Sampler([counting(frames=90)], recipe, seed=0)))
    assert mel.shape == (8, 128, 258)

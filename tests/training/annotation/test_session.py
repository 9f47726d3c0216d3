"""Test annotation sessions: ratings are stored, checked and converted to labels."""

import os

import numpy as np
import pytest

from training.annotation.session import QUADRANTS, RATINGS, Session, resample_to_grid
from training.datasets.own import LABELS, read_own


def rate_all(session, make_samples, valence=0.4, arousal=-0.2, repeated=None):
    """Rate every clip at one point, and the repeated clip at another."""
    verdicts = []
    for number, step in enumerate(session.steps):
        place = (repeated or (valence, arousal)) if step.kind == "again" else (valence, arousal)
        verdicts.append(session.add(number, make_samples(*place, start=step.start)))
    return verdicts


def test_a_session_starts_with_exemplars_and_ends_with_a_repeated_clip(folder):
    steps = Session(folder, "ann").steps
    assert [step.name for step in steps[:4]] == ["calm", "joyful", "tense", "sorrowful"]
    assert {step.name for step in steps[4:6]} == {"a.wav", "set one/b.wav"}
    assert [step.kind for step in steps] == ["exemplar"] * 4 + ["clip"] * 2 + ["again"]
    assert steps[-1].name == steps[4].name


def test_the_order_of_clips_is_fixed_per_rater(folder, make_audio, write_wave):
    for name in "cdefgh":
        write_wave(folder / f"{name}.wav", make_audio(0.0, 0.0, 1.0))
    orders = [
        [step.name for step in Session(folder, rater).steps] for rater in ("ann", "ann", "bo")
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("number", range(4))
def test_an_exemplar_is_accepted_in_its_quadrant_only(folder, make_samples, number):
    session = Session(folder, "ann")
    step = session.steps[number]
    places = {
        name: session.add(
            number, make_samples(0.5 * place[0], 0.5 * place[1], start=step.start)
        ).good
        for name, place in QUADRANTS.items()
    }
    assert places == {name: name == step.name for name in QUADRANTS}
    assert not (folder / LABELS).exists()


def test_labels_can_be_read_as_own_music(folder, make_samples):
    rate_all(Session(folder, "ann"), make_samples)
    pieces = {piece.name: piece for piece in read_own(folder)}
    assert set(pieces) == {"a.wav", "set one/b.wav"}
    for piece in pieces.values():
        assert piece.mean_label.tolist() == pytest.approx([0.4, -0.2])
        assert np.diff(piece.times) == pytest.approx(0.5)


@pytest.mark.parametrize(("repeated", "good"), [((0.5, -0.2), True), ((-0.4, -0.2), False)])
def test_a_rater_whose_repeated_rating_differs_is_inconsistent(
    folder, make_samples, repeated, good
):
    *_, verdict = rate_all(Session(folder, "ann"), make_samples, repeated=repeated)
    assert verdict.good is good
    assert verdict.distance == pytest.approx(np.hypot(0.4 - repeated[0], 0.0), abs=1e-6)


def test_inconsistent_raters_are_used_only_without_other_ratings(folder, make_samples):
    rate_all(Session(folder, "ann"), make_samples, repeated=(-0.9, 0.9))
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([0.4, -0.2])
    rate_all(Session(folder, "bo"), make_samples, valence=-0.6, arousal=0.6)
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([-0.6, 0.6])


def test_raters_are_weighted_across_sessions(folder, make_samples):
    for rater, valence in (("ann", 0.1), ("bo", 0.3), ("cy", 0.2), ("di", -0.9)):
        rate_all(Session(folder, rater), make_samples, valence=valence, arousal=0.0)
    label = read_own(folder)[0].mean_label[0]
    assert 0.12 < label < 0.28  # the unweighted mean is -0.075
    assert (folder / RATINGS).read_text(encoding="utf-8").count("di,a.wav") > 3


def test_rating_a_clip_again_replaces_the_ratings(folder, make_samples):
    rate_all(Session(folder, "ann"), make_samples)
    rate_all(Session(folder, "ann"), make_samples, valence=-0.7)
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([-0.7, -0.2])


def test_samples_are_resampled_to_half_seconds():
    times, values = resample_to_grid([(10.1, 0.0, 0.0), (11.1, 1.0, -1.0)], start=10.0)
    assert times.tolist() == [0.5, 1.0]
    np.testing.assert_allclose(values, [[0.4, -0.4], [0.9, -0.9]])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "nothing was rated"),
        ([(0.0, 0.0, 0.0)], "nothing was rated"),
        ([(0.1, 0.0, 0.0), (0.3, 0.0, 0.0)], "too little"),
        ([(1.0, 0.0, 0.0), (0.0, 0.0, 0.0)], "ascend in time"),
        ([(0.0, 0.0, 0.0), (1.0, 0.0, 1.2)], "in the plane"),
        ([(0.0, 0.0, 0.0), (1.0, float("nan"), 0.0)], "invalid sample"),
    ],
)
def test_invalid_samples_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        resample_to_grid(samples)


def test_a_folder_without_audio_raises(tmp_path):
    with pytest.raises(ValueError, match="has no audio files"):
        Session(tmp_path, "ann")


def test_damaged_ratings_raise_before_the_session_starts(folder):
    (folder / RATINGS).write_text("rater,path,kind,time,valence,arousal\nann,a.wav,clip,1,2,0\n")
    with pytest.raises(ValueError, match=r"ratings\.csv, line 2: valence is 2"):
        Session(folder, "ann")


def test_two_concurrent_sessions_lose_no_rating(folder, make_samples):
    sessions = [Session(folder, rater) for rater in ("ann", "bo")]
    for number in (4, 5):
        for session in sessions:
            session.add(number, make_samples(0.3, 0.3))
    text = (folder / RATINGS).read_text(encoding="utf-8")
    for rater in ("ann", "bo"):
        for name in ("a.wav", "set one/b.wav"):
            assert f"{rater},{name},clip" in text


def test_a_session_resumes_at_the_first_unrated_step(folder, make_samples):
    first = Session(folder, "ann")
    first.add(4, make_samples(0.3, 0.3))
    resumed = Session(folder, "ann")
    assert [resumed.is_done(step) for step in resumed.steps] == [True] * 5 + [False] * 2
    other = Session(folder, "bo")
    assert not any(other.is_done(step) for step in other.steps)


def test_consistency_is_that_of_the_last_repeated_clip(
    folder, make_samples, make_audio, write_wave
):
    rate_all(Session(folder, "ann"), make_samples)
    for name in "cdefgh":
        write_wave(folder / f"{name}.wav", make_audio(0.0, 0.0, 3.0))
    session = Session(folder, "ann")
    assert session.steps[-1].name not in {"a.wav", "set one/b.wav"}
    *_, verdict = rate_all(session, make_samples, repeated=(-0.4, 0.2))
    assert not verdict.good
    assert verdict.distance == pytest.approx(np.hypot(0.8, 0.4))


def test_handmade_labels_are_not_overwritten(folder):
    (folder / LABELS).write_text("path,valence,arousal\na.wav,0,0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels\.csv was not written by a session"):
        Session(folder, "ann")


def test_edited_groups_are_preserved(folder, make_samples):
    rate_all(Session(folder, "ann"), make_samples)
    labels = (folder / LABELS).read_text(encoding="utf-8")
    edited = "\n".join(
        f"{line}night" if line.startswith("a.wav") else line for line in labels.splitlines()
    )
    (folder / LABELS).write_text(edited, encoding="utf-8")
    rate_all(Session(folder, "bo"), make_samples)
    assert {piece.name: piece.group for piece in read_own(folder)}["a.wav"] == "night"


@pytest.mark.parametrize("name", [b"M\xfcller.wav", b" blank.wav", b"line\nbreak.wav"])
def test_file_names_that_csv_cannot_represent_are_skipped(folder, name):
    (folder / os.fsdecode(name)).write_bytes((folder / "a.wav").read_bytes())
    session = Session(folder, "ann")
    assert session.skipped_files == [os.fsdecode(name)]
    assert len(session.steps) == 7


def test_a_repeated_rating_without_common_times_is_refused(folder, make_samples):
    session = Session(folder, "ann")
    session.add(4, make_samples(0.3, 0.3, seconds=1.0))
    with pytest.raises(ValueError, match="no moment was rated both times"):
        session.add(6, make_samples(0.3, 0.3, start=2.0, seconds=0.9))

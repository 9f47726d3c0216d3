"""What a rater says is kept, checked and becomes labels."""

import os

import numpy as np
import pytest

from training.annotation.session import QUADRANTS, RATINGS, Session, resample_to_grid
from training.datasets.own import LABELS, read_own


def sit(session, held, valence=0.4, arousal=-0.2, again=None):
    """Rate every clip at one place, and the one that is heard again at another."""
    verdicts = []
    for number, step in enumerate(session.steps):
        place = (again or (valence, arousal)) if step.kind == "again" else (valence, arousal)
        verdicts.append(session.add(number, held(*place, start=step.start)))
    return verdicts


def test_a_session_begins_with_exemplars_and_ends_with_a_clip_again(folder):
    steps = Session(folder, "ann").steps
    assert [step.name for step in steps[:4]] == ["calm", "joyful", "tense", "sorrowful"]
    assert {step.name for step in steps[4:6]} == {"a.wav", "set one/b.wav"}
    assert [step.kind for step in steps] == ["exemplar"] * 4 + ["clip"] * 2 + ["again"]
    assert steps[-1].name == steps[4].name


def test_the_order_of_clips_is_a_raters_own_and_stays(folder, make_sound, write_wave):
    for name in "cdefgh":
        write_wave(folder / f"{name}.wav", make_sound(0.0, 0.0, 1.0))
    orders = [[step.name for step in Session(folder, who).steps] for who in ("ann", "ann", "bo")]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("number", range(4))
def test_an_exemplar_is_good_in_its_quadrant_only(folder, held, number):
    session = Session(folder, "ann")
    step = session.steps[number]
    places = {
        name: session.add(number, held(0.5 * place[0], 0.5 * place[1], start=step.start)).good
        for name, place in QUADRANTS.items()
    }
    assert places == {name: name == step.name for name in QUADRANTS}
    assert not (folder / LABELS).exists()


def test_labels_can_be_read_as_own_music(folder, held):
    sit(Session(folder, "ann"), held)
    pieces = {piece.name: piece for piece in read_own(folder)}
    assert set(pieces) == {"a.wav", "set one/b.wav"}
    for piece in pieces.values():
        assert piece.mean_label.tolist() == pytest.approx([0.4, -0.2])
        assert np.diff(piece.times) == pytest.approx(0.5)


@pytest.mark.parametrize(("again", "good"), [((0.5, -0.2), True), ((-0.4, -0.2), False)])
def test_a_rater_who_differs_the_second_time_is_inconsistent(folder, held, again, good):
    *_, verdict = sit(Session(folder, "ann"), held, again=again)
    assert verdict.good is good
    assert verdict.distance == pytest.approx(np.hypot(0.4 - again[0], 0.0), abs=1e-6)


def test_inconsistent_raters_count_only_if_no_one_else_rated(folder, held):
    sit(Session(folder, "ann"), held, again=(-0.9, 0.9))
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([0.4, -0.2])
    sit(Session(folder, "bo"), held, valence=-0.6, arousal=0.6)
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([-0.6, 0.6])


def test_raters_are_weighted_and_kept_over_sessions(folder, held):
    for rater, valence in (("ann", 0.1), ("bo", 0.3), ("cy", 0.2), ("di", -0.9)):
        sit(Session(folder, rater), held, valence=valence, arousal=0.0)
    label = read_own(folder)[0].mean_label[0]
    assert 0.12 < label < 0.28  # the plain mean is -0.075
    assert (folder / RATINGS).read_text(encoding="utf-8").count("di,a.wav") > 3


def test_rating_a_clip_again_replaces_the_ratings(folder, held):
    sit(Session(folder, "ann"), held)
    sit(Session(folder, "ann"), held, valence=-0.7)
    assert read_own(folder)[0].mean_label.tolist() == pytest.approx([-0.7, -0.2])


def test_samples_are_resampled_to_half_seconds():
    times, values = resample_to_grid([(10.1, 0.0, 0.0), (11.1, 1.0, -1.0)], start=10.0)
    assert times.tolist() == [0.5, 1.0]
    np.testing.assert_allclose(values, [[0.4, -0.4], [0.9, -0.9]])


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([], "nothing was rated"),
        ([(0.0, 0.0, 0.0)], "nothing was rated"),
        ([(0.1, 0.0, 0.0), (0.3, 0.0, 0.0)], "too little"),
        ([(1.0, 0.0, 0.0), (0.0, 0.0, 0.0)], "ascend in time"),
        ([(0.0, 0.0, 0.0), (1.0, 0.0, 1.2)], "in the plane"),
        ([(0.0, 0.0, 0.0), (1.0, float("nan"), 0.0)], "invalid sample"),
    ],
)
def test_invalid_samples_are_refused(samples, says):
    with pytest.raises(ValueError, match=says):
        resample_to_grid(samples)


def test_a_folder_without_sound_raises(tmp_path):
    with pytest.raises(ValueError, match="has no audio files"):
        Session(tmp_path, "ann")


def test_damaged_ratings_raise_before_the_session_starts(folder):
    (folder / RATINGS).write_text("rater,path,kind,time,valence,arousal\nann,a.wav,clip,1,2,0\n")
    with pytest.raises(ValueError, match=r"ratings\.csv, line 2: valence is 2"):
        Session(folder, "ann")


def test_two_concurrent_sessions_lose_no_rating(folder, held):
    sittings = [Session(folder, rater) for rater in ("ann", "bo")]
    for number in (4, 5):
        for sitting in sittings:
            sitting.add(number, held(0.3, 0.3))
    text = (folder / RATINGS).read_text(encoding="utf-8")
    for rater in ("ann", "bo"):
        for name in ("a.wav", "set one/b.wav"):
            assert f"{rater},{name},clip" in text


def test_a_session_resumes_where_it_was_left(folder, held):
    first = Session(folder, "ann")
    first.add(4, held(0.3, 0.3))
    again = Session(folder, "ann")
    assert [again.is_done(step) for step in again.steps] == [True] * 5 + [False] * 2
    other = Session(folder, "bo")
    assert not any(other.is_done(step) for step in other.steps)


def test_consistency_is_that_of_the_last_repeated_clip(folder, held, make_sound, write_wave):
    sit(Session(folder, "ann"), held)
    for name in "cdefgh":
        write_wave(folder / f"{name}.wav", make_sound(0.0, 0.0, 3.0))
    session = Session(folder, "ann")
    assert session.steps[-1].name not in {"a.wav", "set one/b.wav"}
    *_, verdict = sit(session, held, again=(-0.4, 0.2))
    assert not verdict.good
    assert verdict.distance == pytest.approx(np.hypot(0.8, 0.4))


def test_labels_made_by_hand_are_not_overwritten(folder):
    (folder / LABELS).write_text("path,valence,arousal\na.wav,0,0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels\.csv was not written by a session"):
        Session(folder, "ann")


def test_groups_that_were_added_stay(folder, held):
    sit(Session(folder, "ann"), held)
    labels = (folder / LABELS).read_text(encoding="utf-8")
    edited = "\n".join(
        f"{line}night" if line.startswith("a.wav") else line for line in labels.splitlines()
    )
    (folder / LABELS).write_text(edited, encoding="utf-8")
    sit(Session(folder, "bo"), held)
    assert {piece.name: piece.group for piece in read_own(folder)}["a.wav"] == "night"


@pytest.mark.parametrize("name", [b"M\xfcller.wav", b" blank.wav", b"line\nbreak.wav"])
def test_file_names_that_no_table_holds_are_skipped(folder, name):
    (folder / os.fsdecode(name)).write_bytes((folder / "a.wav").read_bytes())
    session = Session(folder, "ann")
    assert session.skipped_files == [os.fsdecode(name)]
    assert len(session.steps) == 7


def test_a_second_rating_of_other_moments_is_refused(folder, held):
    session = Session(folder, "ann")
    session.add(4, held(0.3, 0.3, seconds=1.0))
    with pytest.raises(ValueError, match="no moment was rated both times"):
        session.add(6, held(0.3, 0.3, start=2.0, seconds=0.9))

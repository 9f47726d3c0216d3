"""Test that each fold of an evaluation starts from a student not trained on its audio."""

import pytest
from pydantic import ValidationError

from training.evaluation.cross_validation import Job
from training.fitting.pretrained import PRETRAINED_DIR, fold_student


@pytest.fixture
def make_job(make_recipe, make_piece, tmp_path):
    def make(left_out=None, **changes):
        recipe = make_recipe(**changes)
        shared = {"pieces": [make_piece()], "cache": tmp_path, "folds": 5, "seed": 0}
        return Job(recipe=recipe, fold=2, left_out=left_out, **shared)

    return make


def test_each_fold_starts_from_its_own_student(make_job, tmp_path):
    file = fold_student("student", 2, 5, tmp_path)
    file.parent.mkdir()
    file.write_bytes(b"first")
    job = make_job(pretrained="student", fold_students=True)
    assert job.student == file
    before = job.result_file
    file.write_bytes(b"second")
    assert job.result_file != before


def test_a_missing_student_is_named_with_its_command(make_job):
    with pytest.raises(ValueError, match=r"distill --recipe student --without-fold 2/5"):
        _ = make_job(pretrained="student", fold_students=True).student


def test_without_fold_students_all_folds_start_from_the_same_one(make_job):
    assert make_job().student is None
    assert make_job(pretrained="student").student == PRETRAINED_DIR / "student.pt"
    left_out = make_job(left_out="previews", pretrained="student", fold_students=True)
    assert left_out.student == PRETRAINED_DIR / "student.pt"


def test_fold_students_need_a_pretrained_network(make_recipe):
    values = make_recipe().model_dump() | {"fold_students": True}
    with pytest.raises(ValidationError, match="cannot use `fold_students` from scratch"):
        type(make_recipe())(**values)

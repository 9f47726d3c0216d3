"""Weighing raters is worth what two halves that know nothing of each other say it is."""

import numpy as np
import pytest

from training.annotation.reliability import compare_ways, markdown, raters_agreement
from training.datasets.records import Ratings

TIMES = np.arange(30.0)


@pytest.fixture(scope="module")
def make_ratings():
    """Make pieces that some raters follow and others guess at."""

    def make(steady, guessing, pieces=8):
        random = np.random.default_rng(0)
        made = []
        for number in range(pieces):
            level = random.uniform(-0.4, 0.4, 2)
            truth = level + 0.3 * np.sin(TIMES / 4.0 + random.uniform(0, 6, (2, 1))).T
            good = truth + 0.1 * random.standard_normal((steady, len(TIMES), 2))
            bad = random.uniform(-1, 1, (guessing, len(TIMES), 2))
            made.append(
                Ratings(
                    name=f"song{number}",
                    group=f"song{number}",
                    raters=tuple(map(str, range(steady + guessing))),
                    times=TIMES,
                    values=np.clip(np.concatenate([good, bad]), -1, 1),
                )
            )
        return made

    return make


def test_weighing_helps_where_some_guess(make_ratings):
    plain, *_, weighed = compare_ways(make_ratings(8, 8), rounds=4)
    assert plain.kept == weighed.kept == 1.0
    assert min(weighed.within) > max(plain.within)


def test_where_all_are_steady_nothing_is_won(make_ratings):
    plain, *_, weighed = compare_ways(make_ratings(12, 0), rounds=4)
    assert weighed.within == pytest.approx(plain.within, abs=0.02)
    assert weighed.between == pytest.approx(plain.between, abs=0.02)


def test_a_stricter_threshold_keeps_fewer(make_ratings):
    _, *ways = compare_ways(make_ratings(8, 8), rounds=1)
    shares = [way.kept for way in ways]
    assert shares == sorted(shares)
    assert shares[0] < 1.0


def test_agreement_is_of_the_pieces_means(make_ratings):
    table = raters_agreement(make_ratings(10, 0))
    for axis in ("valence", "arousal"):
        assert table[axis]["alpha"] > 0.9
        assert table[axis]["icc_1"] < table[axis]["icc_k"] <= 1.0


def test_pieces_may_have_different_numbers_of_raters(make_ratings):
    mixed = make_ratings(8, 2)[:4] + make_ratings(4, 1)[4:]
    assert all(np.isfinite(way.within).all() for way in compare_ways(mixed, rounds=2))


def test_the_report_has_a_row_for_each_way(make_ratings):
    text = markdown(make_ratings(6, 2), rounds=2)
    assert text.count("weighed |") == 5
    assert "plain mean | 1.00" in text
    assert "nan" not in text

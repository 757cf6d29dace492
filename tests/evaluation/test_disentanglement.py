"""Scores of disentanglement: known codes of known factors, their definitions, and what a card says of them."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
from tiny import tiny

import zoo
from zoo.data import sprites
from zoo.evaluation.disentanglement import FactorData, _concentration, _gaps, _mutual_information, dci, factor_vae_score, mig, sap
from zoo.evaluation.measurement import measure, repeat

# Images that are their factors, so that a code is a function of them. 20 bins hold the values of each apart.
DATA = FactorData((3, 4, 5), lambda factors: factors.astype(float))
# A mirror: every number is as much of two factors, and a little of the third.
ROTATION = np.eye(3) - 2 / 3


def standardized(x):
    return (x - np.array([1, 1.5, 2])) / np.sqrt((np.array([3, 4, 5]) ** 2 - 1) / 12)


def perfect(x):
    """One number a factor, in another order, and one that says nothing."""
    return np.concatenate([standardized(x)[:, [2, 0, 1]], np.zeros((len(x), 1))], axis=1)


def mixed(x):
    return standardized(x) @ ROTATION


def doubled(x):
    """Every factor twice: complete in no number alone."""
    return np.repeat(standardized(x), 2, axis=1)


RNG = np.random.default_rng(5)


def noisy(x):
    """Numbers that have nothing to do with the factors."""
    return RNG.normal(size=(len(x), 4))


SMALL = {
    "mig": lambda code, **o: mig(code, DATA, n=3000, **o)["mig"],
    "factor_vae_score": lambda code, **o: factor_vae_score(code, DATA, 600, 300, n=1000, **o)["factor_vae_score"],
    "sap": lambda code, **o: sap(code, DATA, n=1000, test_n=500, **o)["sap"],
    "dci": lambda code, **o: dci(code, DATA, n=300, test_n=200, **o)["disentanglement"],
}


@pytest.mark.parametrize("name", ["mig", "factor_vae_score", "dci"])
def test_a_perfect_code_scores_one_and_others_less(name):
    score = SMALL[name]
    assert score(perfect) > 0.98
    assert score(mixed) < {"mig": 0.15, "factor_vae_score": 0.75, "dci": 0.3}[name]


def test_the_factors_of_a_perfect_code_are_all_that_sap_sees():
    """One linear boundary per class separates two values of a factor, not the middle ones of many."""
    two = FactorData((2, 2), lambda factors: factors.astype(float))
    # The other number can but guess: 1 - 1/2.
    assert sap(lambda x: x, two, n=1000, test_n=4000)["sap"] == pytest.approx(0.5, abs=0.03)
    # Turned by an eighth, either number says as much as the other.
    assert sap(lambda x: (x - 0.5) @ np.array([[1, 1], [1, -1]]), two, n=1000, test_n=4000)["sap"] < 0.05
    assert SMALL["sap"](perfect) > 0.25 > 0.15 > SMALL["sap"](mixed)


def test_noise_scores_nothing():
    many = FactorData((30, 40, 50), lambda factors: factors.astype(float))
    assert mig(noisy, many, n=5000)["mig"] < 0.02
    assert sap(noisy, DATA, n=1000, test_n=1000)["sap"] < 0.05
    assert dci(noisy, DATA, n=300, test_n=200)["disentanglement"] < 0.15
    # A vote for each of three factors by chance.
    assert factor_vae_score(noisy, many, 500, 300, batch_size=16, n=1000)["factor_vae_score"] < 0.45


@pytest.mark.parametrize("name", ["mig", "factor_vae_score", "sap"])
def test_scores_are_a_matter_of_the_seed(name):
    assert SMALL[name](mixed, seed=3) == SMALL[name](mixed, seed=3)
    assert 0 <= SMALL[name](mixed, seed=4) <= 1


def test_gaps_shrink_where_two_numbers_say_the_same():
    assert SMALL["mig"](doubled) == pytest.approx(0, abs=1e-9)
    assert SMALL["sap"](doubled) == pytest.approx(0, abs=1e-9)
    # Every number still stands for one factor.
    assert SMALL["factor_vae_score"](doubled) > 0.98


def test_mutual_information_is_scikit_learns():
    rng = np.random.default_rng(0)
    a = rng.integers(7, size=500)
    b = (a + rng.integers(3, size=500)) % 5
    assert _mutual_information(a, b) == pytest.approx(mutual_info_score(a, b), rel=1e-9)
    assert _mutual_information(a, a) == pytest.approx(-np.sum(np.bincount(a) / 500 * np.log(np.bincount(a) / 500)))


def test_mig_cuts_a_number_into_bins_of_equal_width():
    """The second number is the first factor too coarse by a half: of its four values two fall into each bin."""
    data = FactorData((4, 2), lambda factors: factors.astype(float))
    found = mig(lambda x: x[:, :1], data, n=4000, bins=2)
    assert found["gaps"][0] == pytest.approx(0.5, abs=0.01) and found["gaps"][1] < 0.01
    assert mig(lambda x: x[:, :1], data, n=4000, bins=20)["gaps"][0] == pytest.approx(1)


def test_gaps_are_those_of_the_two_best():
    np.testing.assert_allclose(_gaps(np.array([[0.1, 0.9], [0.7, 0.2], [0.4, 0.8]])), [0.3, 0.1])
    np.testing.assert_allclose(_gaps(np.array([[0.4, 0.1]])), [0.4, 0.1])


def test_concentration_is_one_less_the_weighted_entropy():
    assert _concentration(np.eye(3)) == pytest.approx(1, abs=1e-8)
    assert _concentration(np.ones((3, 3))) == pytest.approx(0, abs=1e-8)
    assert _concentration(np.zeros((2, 3))) == 0
    # A row of three fourths of the weight at nought, one of a fourth at one.
    assert _concentration(np.array([[1.5, 1.5], [1.0, 0.0]])) == pytest.approx(0.25, abs=1e-8)


def test_dci_has_a_row_a_number_and_a_column_a_factor():
    found = dci(perfect, DATA, n=300, test_n=200)
    importance = np.array(found["importance"])
    assert importance.shape == (4, 3)
    np.testing.assert_array_equal(np.argmax(importance, axis=0), [1, 2, 0])
    assert found["completeness"] > 0.98 and found["informativeness"] == 1
    np.testing.assert_allclose(importance.sum(axis=0), 1)


def test_numbers_that_hardly_vary_have_no_vote():
    """Their variance within a vote would be the least, relative to next to nothing."""
    count = factor_vae_score(lambda x: perfect(x) * [1, 0.02, 1, 1], DATA, 600, 300, n=1000)
    assert count["active"] == 2 and count["factor_vae_score"] < 0.8
    # The threshold is of the deviation, not of the variance: .1² is less than .05.
    assert factor_vae_score(lambda x: perfect(x) * 0.1, DATA, 600, 300, n=1000)["active"] == 3
    assert factor_vae_score(lambda x: 0 * x, DATA, 6, 3, n=10) == {"factor_vae_score": 0.0, "train": 0.0, "active": 0}


def test_every_distinct_image_is_encoded_once():
    seen = []
    mig(lambda x: seen.append(x) or x, DATA, n=500)
    rows = np.concatenate(seen)
    assert len(rows) == len(np.unique(rows, axis=0)) == 3 * 4 * 5


@pytest.mark.parametrize("code", [lambda x: x[:, 0], lambda x: x * np.nan, lambda x: x[:3]])
def test_codes_that_are_none_are_refused(code):
    with pytest.raises(zoo.ZooError, match="expected finite numbers"):
        mig(code, DATA, n=100)


def test_without_scikit_learn_two_are_refused_in_one_sentence(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    for score in (sap, dci):
        with pytest.raises(zoo.ZooError, match=r"pip install 'autoencoder-zoo\[sklearn\]'"):
            score(perfect, DATA)
    assert SMALL["mig"](perfect) > 0.98


def test_on_the_sprites_the_true_factors_score_one():
    data = FactorData(sprites.SIZES, sprites.render)

    def read(images):
        """The centre of mass, and the square root of the area."""
        white = images[..., 0] / 255.0
        area = white.sum(axis=(1, 2))
        across, down = white.sum(axis=1) @ np.arange(64) / area, white.sum(axis=2) @ np.arange(64) / area
        return np.stack([across, down, np.sqrt(area)], axis=1)

    gaps = mig(read, data, n=3000)["gaps"]
    # x and y can be read off; the area tells the scale but for the shape; nothing of the orientation is in it.
    assert min(gaps[3:]) > 0.7 and gaps[1] > 0.4 and gaps[2] < 0.1


def test_measured_by_name_and_again():
    model = tiny("vae_conv", input_shape=(64, 64, 1))
    asked = [
        {"metric": "mig", "n": 500},
        {"metric": "factor_vae_score", "votes": 20, "test_votes": 10},
        {"metric": "sap", "n": 300, "test_n": 100},
    ]
    lines = []
    first = measure(model, asked, "sprites", seed=2, progress=lines.append)
    assert [line.split()[0] for line in lines] == ["mig", "factor_vae_score", "sap"]
    assert [result["n"] for result in first.values()] == [500, 64 * 30, 400]
    assert all(result["split"] == "all" and "disentanglement_lib" in result["protocol"] for result in first.values())
    assert first["factor_vae_score"]["active"] <= 4
    again = repeat(model, first, "sprites", progress=None)
    assert {name: result["value"] for name, result in again.items()} == {name: result["value"] for name, result in first.items()}


def test_data_of_unknown_factors_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8, 1), np.uint8))
    with pytest.raises(zoo.ZooError, match="factors of .*a.npy are not known; measure disentanglement on 'sprites'"):
        measure(tiny("ae_mlp"), ["dci_disentanglement"], str(tmp_path / "a.npy"), progress=None)

"""A stored discriminant analysis does what the fitted one did, and says why."""

import subprocess
import sys

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.recognition.classifiers import DISCRIMINANT, read_fitted, write_fitted
from ser_lib.recognition.discriminants import StoredDiscriminant
from ser_lib.systems.discriminant import DiscriminantClassifier

RNG = np.random.default_rng(0)
LABELS = np.array(["anger", "fear", "neutral"] * 20)
ROWS = RNG.normal(size=(60, 6)) + 2 * (LABELS == "anger")[:, None]
SPEAKERS = np.repeat(["s", "t", "u", "v"], 15)
NEW = 2 * RNG.normal(size=(20, 6)).astype(np.float32)


@pytest.fixture(params=[("anger", "fear", "neutral"), ("anger", "fear")])
def fitted(request):
    known = np.isin(LABELS, request.param)
    classifier = DiscriminantClassifier(folds=2)
    return classifier.fit(ROWS[known], LABELS[known], groups=SPEAKERS[known])


@pytest.fixture
def stored(fitted, tmp_path):
    state, note = write_fitted(fitted, tmp_path)
    assert note is None
    return read_fitted(tmp_path, state)


def test_what_is_read_predicts_what_was_written(fitted, stored):
    assert isinstance(stored, StoredDiscriminant)
    assert stored.classes_.tolist() == fitted.classes_.tolist()
    np.testing.assert_allclose(stored.predict_proba(NEW), fitted.predict_proba(NEW), rtol=1e-9)
    np.testing.assert_allclose(stored.embed(NEW), fitted.embed(NEW), rtol=1e-6)


def test_contributions_sum_to_what_tells_the_posteriors_apart(fitted, stored):
    found = stored.contributions(NEW)
    assert found.shape == (20, len(fitted.classes_), 6)
    logs = np.log(fitted.predict_proba(NEW))
    above = logs - logs.mean(axis=1, keepdims=True)
    sums = found.sum(axis=2)
    np.testing.assert_allclose(sums - sums[0], above - above[0], atol=1e-9)
    # Those of a row of medians are nothing: it is what the others are compared with.
    medians = np.median(stored.references, axis=0)[None]
    np.testing.assert_allclose(stored.contributions(medians), 0, atol=1e-9)
    logs = np.log(fitted.predict_proba(medians))
    np.testing.assert_allclose(sums[0], above[0] - (logs - logs.mean())[0], atol=1e-9)


def test_it_is_applied_without_scikit_learn(stored):
    script = (
        "import sys; import numpy as np; from ser_lib.recognition.discriminants import "
        f"StoredDiscriminant as S; s = S({str(stored.path)!r}, classes={stored.classes_.tolist()}, "
        "temperature=1); s.predict_proba(np.zeros((1, 6))); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"mean": np.zeros(5)},
            r"arrays of shapes .*; expected those of one analysis of 3 classes",
        ),
        ({"class_means": np.zeros((4, 2))}, "expected those of one analysis of 3 classes"),
        ({"references": np.zeros((64, 5))}, "expected those of one analysis of 3 classes"),
        ({"mean": np.full(6, np.nan)}, "expected finite numbers: references, mean, directions"),
        ({"mean": np.zeros((6, 1))}, "expected finite numbers"),
        ({"mean": np.array(["a"] * 6)}, "expected finite numbers"),
        ({"more": np.zeros(1)}, "holds references, mean, directions, class_means, more; expected"),
        ({"mean": np.array([{}] * 6, dtype=object)}, "Object arrays cannot be loaded"),
    ],
)
def test_what_is_no_analysis_is_refused(tmp_path, change, said):
    arrays = {"references": np.zeros((64, 6)), "mean": np.zeros(6), "directions": np.zeros((6, 2))}
    arrays |= {"class_means": np.zeros((3, 2))}
    np.savez(tmp_path / DISCRIMINANT, **(arrays | change))
    state = {"kind": "discriminant", "targets": ["a", "b", "c"], "temperature": 1}
    with pytest.raises(InputError, match=said):
        read_fitted(tmp_path, state)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / DISCRIMINANT).write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="expected a zip archive"):
        read_fitted(tmp_path, {"kind": "discriminant", "targets": ["a"], "temperature": 1})

"""What a classifier or front end is made of, in plain values."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from sklearn.feature_selection import SelectFpr, f_classif
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from ser_lib import identity
from ser_lib.errors import InputError
from ser_lib.experiment.provenance import environment
from ser_lib.identity import describe, origin


@dataclasses.dataclass(frozen=True)
class Network:
    units: int = 8
    activation: object = np.tanh


def pool(x):
    return x


def test_an_estimator_is_its_nested_parameters():
    pipeline = Pipeline([("select", SelectFpr(f_classif, alpha=0.05)), ("svc", SVC(C=2))])
    search = GridSearchCV(pipeline, {"svc__C": [1, 2]}, cv=StratifiedGroupKFold(3), n_jobs=4)
    found = describe(search)
    assert found["class"] == "GridSearchCV"
    assert found["param_grid"] == {"svc__C": [1, 2]}
    assert found["cv"]["n_splits"] == 3
    (_, select), (_, svc) = found["estimator"]["steps"]
    assert select["score_func"].endswith("f_classif")
    assert svc["C"] == 2
    json.dumps(found)
    # How fast it works does not matter.
    assert describe(search.set_params(n_jobs=1, verbose=2)) == found
    assert describe(search.set_params(estimator__svc__C=3)) != found


def test_plain_things_stay_what_they_are():
    value = {"a": (1, 2.5, None), "b": np.array([1, 2]), "c": np.float64(0.5), 3: {"x"}}
    assert describe(value) == {"a": [1, 2.5, None], "b": [1, 2], "c": 0.5, "3": ["x"]}


def test_functions_are_their_names_and_partials_their_arguments():
    assert describe(pool) == f"{__name__}.pool"
    found = describe(functools.partial(pool, 1, size=2))
    assert found == {"function": f"{__name__}.pool", "arguments": [1], "size": 2}


def test_a_file_is_its_content_not_its_place(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.h5").write_bytes(b"same")
    one, other = describe(tmp_path / "a/weights.h5"), describe(tmp_path / "b/weights.h5")
    assert one == other
    assert one["file"] == "weights.h5"
    (tmp_path / "b/weights.h5").write_bytes(b"other")
    assert describe(tmp_path / "b/weights.h5") != one


@pytest.mark.parametrize("thing", [lambda x: x, object(), iter([])], ids=["lambda", "object", "it"])
def test_what_cannot_be_told_apart_is_refused(thing):
    with pytest.raises(InputError, match=r"cannot (tell|say)"):
        describe({"classifier": thing})


def test_where_things_come_from():
    origins = set()
    describe([Network(), SVC(), pool], origins)
    assert {Network, SVC, pool} <= origins
    modules, own = origin({*origins, InputError})
    assert modules == ("ser_lib.errors",)
    assert own == (Network, pool)


def test_an_environment_names_versions_and_hardware_only():
    found = environment(neural=False)
    assert found["backend"] == "scikit-learn"
    assert found["versions"]["numpy"] == np.__version__
    assert "keras" not in found["versions"]
    assert set(found["hardware"]) == {"cpu", "cores", "gpu"}
    assert identity.canonical(found)

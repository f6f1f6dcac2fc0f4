"""The same thing has the same description and digest, and another one has another."""

import dataclasses
import functools
import inspect
import json

import numpy as np
import pytest
from sklearn.feature_selection import SelectFpr, f_classif
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from ser_lib import identity
from ser_lib.errors import InputError
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
    description = describe(search)
    assert description["class"] == "GridSearchCV"
    assert description["param_grid"] == {"svc__C": [1, 2]}
    assert description["cv"]["n_splits"] == 3
    (_, select), (_, svc) = description["estimator"]["steps"]
    assert select["score_func"].endswith("f_classif")
    assert svc["C"] == 2
    json.dumps(description)
    # How fast it works does not matter.
    assert describe(search.set_params(n_jobs=1, verbose=2)) == description
    assert describe(search.set_params(estimator__svc__C=3)) != description


def test_plain_things_stay_what_they_are():
    value = {"a": (1, 2.5, None), "b": np.array([1, 2]), "c": np.float64(0.5), 3: {"x"}}
    assert describe(value) == {"a": [1, 2.5, None], "b": [1, 2], "c": 0.5, "3": ["x"]}


def test_functions_are_their_names_and_partials_their_arguments():
    assert describe(pool) == f"{__name__}.pool"
    inspect.signature(np.tanh)  # It is noted down in the function.
    assert describe(np.tanh) == "numpy.tanh"
    description = describe(functools.partial(pool, 1, size=2))
    assert description == {"function": f"{__name__}.pool", "arguments": [1], "size": 2}


def test_a_file_is_its_content_not_its_place(tmp_path):
    one, other = tmp_path / "weights.h5", tmp_path / "other" / "weights.h5"
    other.parent.mkdir()
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    assert describe(one) == describe(other)
    assert describe(one)["file"] == "weights.h5"
    other.write_bytes(b"other")
    assert describe(one) != describe(other)


@pytest.mark.parametrize("thing", [lambda x: x, object(), iter([])], ids=["lambda", "object", "it"])
def test_what_cannot_be_told_apart_is_refused(thing):
    with pytest.raises(InputError, match=r"cannot be told|no parameters to tell it by"):
        describe({"classifier": thing})


def test_where_things_come_from():
    origins = set()
    describe([Network(), SVC(), pool], origins)
    assert {Network, SVC, pool} <= origins
    modules, own = origin({*origins, InputError})
    assert modules == ("ser_lib.errors",)
    assert own == (Network, pool)


@dataclasses.dataclass(frozen=True)
class Step:
    size: int


@dataclasses.dataclass(frozen=True)
class Other:
    size: int


def test_the_digest_knows_content_not_containers():
    assert identity.digest({"a": 1, "b": (1, 2)}) == identity.digest(
        {"b": [1, 2], "a": np.int64(1)}
    )
    assert identity.digest(np.arange(3)) == identity.digest([0, 1, 2])
    assert identity.digest(Step(1)) == identity.digest(Step(1))
    assert len({identity.digest(x) for x in (Step(1), Step(2), Other(1), {"size": 1})}) == 4
    with pytest.raises(InputError, match="object"):
        identity.digest(object())

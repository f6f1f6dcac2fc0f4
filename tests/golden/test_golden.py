"""What the library computes is what it computed when `frozen.npz` and `frozen.json` were made."""

import json

import make
import numpy as np
import pytest

from ser_lib.errors import InputWarning

FROZEN = dict(np.load(make.HERE / "frozen.npz"))
TEXTS = json.loads((make.HERE / "frozen.json").read_text(encoding="utf-8"))


# Networks that take seconds to build and to ask.
SLOW = [(name, "as_published") for name in ("acrnn_3d", "alexnet", "dcnn_blstm_attention")]


def group(name):
    """Return the arrays of a group by their names in it."""
    found = {k.removeprefix(f"{name}/"): v for k, v in FROZEN.items() if k.startswith(f"{name}/")}
    assert found, f"nothing is frozen of {name!r}"
    return found


def check_described(found, frozen, *, step=1e-7, share=1e-4):
    """
    Compare what `make.described` says.

    Another processor may round otherwise: a value may be off by a `share` of itself and of the
    standard deviation of its feature, and by a `step` where these are nothing.
    """
    assert found.keys() == frozen.keys()
    assert all(found[key].shape == frozen[key].shape for key in frozen)
    for key, expected in frozen.items():
        prefix = key.rpartition(" ")[0] + " " * (" " in key)
        shapes, features = (frozen[prefix + name] for name in ("shapes", "features"))
        spread = 0
        if key.endswith("values"):
            each = [make.places(np.prod(shape)) % shape[-1] for shape in shapes]
            spread = features[1][np.array(each)]
        elif key.endswith("moments"):
            spread = expected[:, 1:2]
        elif key.endswith("features"):
            spread = expected[1]
        error = np.abs(found[key] - expected) - step - share * (spread + np.abs(expected))
        wrong = np.argwhere(error > 0)
        assert not len(wrong), f"{len(wrong)} of {error.size} {key} differ, first {wrong[0]}"


def params(systems, slow=()):
    return [
        pytest.param(*each, marks=pytest.mark.slow if each in slow else (), id=" ".join(each))
        for each in systems
    ]


def test_recordings():
    # Of 16 bits, the last may be rounded the other way.
    check_described(make.recordings(), group("recordings"), step=1.01)


@pytest.mark.parametrize(("name", "variant"), params(make.SYSTEMS))
def test_front_end(name, variant):
    check_described(make.front_end(name, variant), group(f"front end {name} {variant}"))


def test_functionals_of_our_own():
    found, names = make.functionals()
    assert names == TEXTS["functionals"]
    check_described(found, group("functionals"))
    one, other = (make.subjects.system(name, "default") for name in make.subjects.OURS)
    assert one.front_end == other.front_end


@pytest.mark.parametrize(("name", "variant"), params(make.SYSTEMS))
def test_what_is_declared(name, variant):
    found = make.declared(name, variant)
    for part, frozen in TEXTS[f"declared {name} {variant}"].items():
        if isinstance(frozen, dict):
            # A system may declare more than was frozen.
            assert {key: found[part].get(key) for key in frozen} == frozen, part
        else:
            assert found[part] == frozen, part


def test_candidates():
    for name, frozen in TEXTS["candidates"].items():
        found = make.subjects.candidates(name)
        assert list(found.values()) == list(frozen.values()), name


@pytest.mark.parametrize(("name", "variant"), params(make.NEURAL, SLOW))
def test_network(name, variant):
    found, frozen = make.network(name, variant), group(f"network {name} {variant}")
    np.testing.assert_array_equal(found["parameters"], frozen["parameters"])
    np.testing.assert_allclose(found["posteriors"], frozen["posteriors"], rtol=0, atol=1e-5)
    # Logarithms, and larger weights: rounding makes more of them.
    np.testing.assert_allclose(found["disturbed"], frozen["disturbed"], rtol=0, atol=2e-4)


@pytest.mark.parametrize("variant", make.subjects.VARIANTS)
def test_machine(variant):
    (found, chosen), frozen = make.machine(variant), group(f"machine {variant}")
    expected = dict(TEXTS[f"machine {variant}"])
    assert chosen.pop("classes") == expected.pop("classes")
    assert chosen == pytest.approx(expected, abs=1e-9)
    assert found["grid"] == frozen["grid"]
    assert found["parameters"] == frozen["parameters"]
    np.testing.assert_allclose(found["posteriors"], frozen["posteriors"], rtol=0, atol=1e-4)


def test_folds():
    # Of the table with dialogues, a split file divides some.
    with pytest.warns(InputWarning, match="have sessions in training and in test"):
        found, frozen = make.folds(), TEXTS["folds"]
    assert found.keys() == frozen.keys()
    for table, protocols in frozen.items():
        assert found[table] == protocols, table


def test_evaluation():
    found, frozen = make.evaluation(), group("evaluation")
    assert found.keys() == frozen.keys()
    for key, expected in frozen.items():
        np.testing.assert_allclose(found[key], expected, rtol=1e-9, atol=1e-9, err_msg=key)

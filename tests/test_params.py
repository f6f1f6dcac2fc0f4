"""Parameters are declared once, checked, brought to one type, and documented."""

import copy
import dataclasses
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.errors import InputError
from ser_lib.identity import digest
from ser_lib.params import (
    Check,
    Parameters,
    as_choices,
    as_corpus_options,
    as_count,
    as_real,
    change,
    check_choice,
    check_flag,
    choice,
    flag,
    integer,
    optional,
    param,
    parse_value,
    real,
    several,
)
from ser_lib.signal.seeding import generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer(Parameters):
    """
    A layer.

    Dense.

    Notes
    -----
    Not a real one.
    """

    units: int = param(64, integer(), "Units.", as_published=32)
    dropout: float = param(0.5, real(low=0, high=0.95), "Fraction dropped.")
    limit: int | None = param(None, optional(integer(low=8)), "Largest length.", as_published=400)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normalised(Layer):
    """A layer with normalisation."""

    units: int = change(16)
    limit: int | None = change(8, check=integer(low=1), doc="Another limit.", as_published=None)
    momentum: float = param(0.9, real(low=0, high=1), "Momentum.")


# Checks.


@pytest.mark.parametrize(
    ("check", "value", "converted"),
    [
        (real(), 2, 2.0),
        (real(low=0, high=1), np.float32(0.5), 0.5),
        (real(above=0), np.int64(3), 3.0),
        (integer(), 20.0, 20),
        (integer(low=0), np.float64(0), 0),
        (integer(low=2, high=9), np.int16(9), 9),
        (flag(), np.bool_(False), False),
        (choice("max", "mean"), "mean", "mean"),
        (several(integer()), [8, 16.0, np.int64(32)], (8, 16, 32)),
        (several(integer(), length=2), np.array([3, 4]), (3, 4)),
        (several(choice("a", "b")), (), ()),
        (optional(integer()), None, None),
        (optional(integer()), 5.0, 5),
        (optional(several(real(), low=1)), [1], (1.0,)),
    ],
)
def test_a_value_is_brought_to_the_type_of_its_parameter(check, value, converted):
    result = check.apply("Layer", "units", value)
    assert result == converted
    assert type(result) is type(converted)
    if isinstance(result, tuple):
        assert list(map(type, result)) == list(map(type, converted))


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (real(), "0.5", "a number"),
        (real(), True, "a number"),
        (real(), float("nan"), "a number"),
        (real(), float("inf"), "a number"),
        (real(above=0), 0, "a number above 0"),
        (real(low=0, high=0.95), 1, "a number of at least 0 and of at most 0.95"),
        (integer(), 0, "an integer of at least 1"),
        (integer(low=0), 2.5, "an integer of at least 0"),
        (integer(), float("inf"), "an integer of at least 1"),
        (integer(), True, "an integer of at least 1"),
        (integer(), "3", "an integer of at least 1"),
        (integer(high=7), 8, "an integer from 1 to 7"),
        (flag(), 1, "True or False"),
        (choice("max", "mean"), "max.", "one of 'max', 'mean'"),
        (several(integer()), 3, "a tuple of values, each an integer of at least 1"),
        (several(integer()), (8, 0), "a tuple of values, each an integer of at least 1"),
        (several(choice("a")), "a", "a tuple of values, each one of 'a'"),
        (several(integer(), low=1), (), "a tuple of 1 or more values, each an integer"),
        (several(integer(), length=2), (1, 2, 3), "a tuple of 2 values, each an integer"),
        (optional(integer()), 0, "an integer of at least 1, or None"),
    ],
)
def test_an_error_names_owner_parameter_what_was_found_and_what_is_expected(check, value, expected):
    with pytest.raises(InputError) as error:
        check.apply("Layer", "units", value)
    assert str(error.value).startswith(f"Layer: units is {value!r}; expected {expected}")


def test_an_error_in_the_words_of_a_check_is_kept():
    def convert(value):
        raise InputError("no such file")

    with pytest.raises(InputError, match=r"^no such file$"):
        Check("path", "a file", convert).apply("Layer", "weights", "x")


@pytest.mark.parametrize(
    ("check", "type_"),
    [
        (real(low=0), "float"),
        (integer(), "int"),
        (flag(), "bool"),
        (choice("max", "mean"), '{"max", "mean"}'),
        (several(integer()), "tuple of int"),
        (optional(several(real())), "tuple of float or None"),
    ],
)
def test_a_check_says_its_type_as_documentation_writes_it(check, type_):
    assert check.type == type_


# Declarations.


def test_parameters_are_converted_and_checked_when_an_object_is_made():
    layer = Layer(units=np.int64(3), dropout=0, limit=9.0)
    assert (layer.units, layer.dropout, layer.limit) == (3, 0.0, 9)
    assert [type(v) for v in dataclasses.asdict(layer).values()] == [int, float, int]
    with pytest.raises(InputError, match="Layer: units is 0; expected an integer of at least 1"):
        Layer(units=0)
    with pytest.raises(InputError, match="dropout is 1; expected a number"):
        dataclasses.replace(layer, dropout=1)
    with pytest.raises(TypeError):
        Layer(3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.units = 4


def test_equal_parameters_make_equal_objects_of_one_digest():
    first, second = Layer(units=20), Layer(units=20.0, dropout=np.float64(0.5))
    assert first == second
    assert hash(first) == hash(second)
    assert digest(first) == digest(second) != digest(Layer(units=21))
    assert dataclasses.replace(first, units=64) == Layer()
    assert pickle.loads(pickle.dumps(first)) == copy.deepcopy(first) == first


def test_a_subclass_changes_defaults_and_keeps_check_and_documentation():
    layer = Normalised()
    assert (layer.units, layer.dropout, layer.limit, layer.momentum) == (16, 0.5, 8, 0.9)
    assert Normalised.parameter_names() == ("units", "dropout", "limit", "momentum")
    # Where the subclass does not say that the published value differs, it is the new default.
    assert Normalised.published_values() == {"limit": None}
    with pytest.raises(InputError, match="Normalised: units is 0; expected an integer"):
        Normalised(units=0)
    with pytest.raises(InputError, match=r"limit is None; expected an integer of at least 1$"):
        Normalised(limit=None)
    # The base class is as it was.
    assert Layer.parameter_names() == ("units", "dropout", "limit")
    assert (Layer().units, Layer(limit=None).limit) == (64, None)
    assert Layer.published_values() == {"units": 32, "limit": 400}


def test_only_parameters_of_a_base_class_can_be_changed():
    with pytest.raises(TypeError, match="Wrong: unit is not a parameter of a base class"):

        class Wrong(Layer):
            unit: int = change(3)


def test_documentation_lists_each_parameter_before_the_notes():
    assert inspect.getdoc(Layer).split("\n") == [
        "A layer.",
        "",
        "Dense.",
        "",
        "Parameters",
        "----------",
        "units : int, default 64, as published 32",
        "    Units.",
        "dropout : float, default 0.5",
        "    Fraction dropped.",
        "limit : int or None, default None, as published 400",
        "    Largest length.",
        "",
        "Notes",
        "-----",
        "Not a real one.",
    ]
    # What is a class's own comes before what it inherits.
    lines = [line for line in inspect.getdoc(Normalised).split("\n") if " : " in line]
    assert lines == [
        "units : int, default 16",
        "limit : int, default 8, as published None",
        "momentum : float, default 0.9",
        "dropout : float, default 0.5",
    ]


# Fields of steps.


@dataclasses.dataclass(frozen=True)
class Step:
    level: object = 1
    count: object = 1
    scaled: object = True
    window: object = "hann"
    kinds: object = ("a",)

    def __post_init__(self):
        as_real(self, "level", above=0, high=9)
        as_count(self, "count", low=0)
        check_flag(self, "scaled")
        check_choice(self, "window", ("hann", "hamming"))
        as_choices(self, "kinds", ("a", "b", "centroid"))


def test_steps_bring_their_fields_to_one_type():
    step = Step(level=np.float32(2), count=3.0, scaled=np.bool_(False), kinds=["b", "a"])
    assert step == Step(2.0, 3, False, "hann", ("b", "a"))
    assert [type(v) for v in dataclasses.astuple(step)] == [float, int, bool, str, tuple]
    assert Step(kinds="b").kinds == ("b",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 0}, "Step: level is 0; expected a number above 0 and of at most 9"),
        ({"level": None}, "Step: level is None; expected a number"),
        ({"count": -1}, "Step: count is -1; expected an integer of at least 0"),
        ({"scaled": 1}, "Step: scaled is 1; expected True or False"),
        ({"window": "han"}, "unknown window of Step 'han'; did you mean 'hann'"),
        ({"kinds": ("a", "centroyd")}, "unknown kinds of Step 'centroyd'; did you mean 'centroid'"),
        ({"kinds": ()}, r"Step: kinds is \(\); expected one name or more, each only once"),
        ({"kinds": ("a", "a")}, "Step: kinds is .*; expected one name or more, each only once"),
    ],
)
def test_steps_refuse_what_is_not_allowed(options, message):
    with pytest.raises(InputError, match=message):
        Step(**options)


@dataclasses.dataclass(frozen=True)
class Noise:
    snr: float = 20.0
    copy: int = 1


@dataclasses.dataclass(frozen=True)
class Renamed:
    level: float = 20.0
    copy: int = 1
    seed_names = {"level": "snr"}  # noqa: RUF012


def test_draws_depend_on_the_utterance_and_on_every_parameter_and_on_nothing_else():
    draws = {
        generator(utterance, step).integers(2**62)
        for utterance in ("u1", "u2")
        for step in (Noise(), Noise(snr=21.0), Noise(copy=2))
    }
    assert len(draws) == 6
    assert generator("u1", Noise()).integers(2**62) == generator("u1", Noise()).integers(2**62)
    # Whatever the machine, the process and its hash seed.
    assert generator("u1", Noise()).integers(10**6, size=3).tolist() == [476254, 790867, 249081]


def test_a_step_whose_parameter_was_renamed_keeps_its_draws():
    renamed = type("Noise", (Renamed,), {})
    assert generator("u", renamed()).integers(2**62) == generator("u", Noise()).integers(2**62)
    assert generator("u", renamed(21.0)).integers(2**62) != generator("u", Noise()).integers(2**62)


@pytest.mark.parametrize(
    "name", ["08", "00", "-01", "0x1", "1_0", "nan", "inf", "\u0663", "\u00b2"]
)
def test_what_a_person_or_fold_may_be_called_is_no_number(name):
    assert parse_value(name) == name


@given(st.text(max_size=12) | st.text('[]{}":,0123456789.eE+-', max_size=12))
@settings(derandomize=True, deadline=None, database=None, max_examples=200)
def test_any_text_is_a_value(text):
    value = parse_value(text)
    assert value == text or not isinstance(value, str)


def test_the_options_of_a_corpus_are_a_mapping_without_the_corpus_and_its_folder():
    assert as_corpus_options(None) == {}
    assert as_corpus_options({"seed": 1}) == {"seed": 1}
    for value in ("{", [1], {"data": "x"}, {"corpus": "x"}, {1: 2}):
        with pytest.raises(InputError, match="corpus_options: "):
            as_corpus_options(value)

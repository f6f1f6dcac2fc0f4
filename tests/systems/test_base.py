"""A system is made by name and by arguments that are checked."""

import pandas as pd
import pytest

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.systems.base import Published, choose

TABLE = pd.DataFrame(
    {"emotion": ["anger", "neutral"], "sex": ["female", None]},
    index=pd.Index(["u1", "u2"], name="utterance"),
)


@pytest.mark.parametrize("name", systems.names())
@pytest.mark.parametrize("setting", ["ours", "source"])
def test_every_system_says_what_it_is(name, setting):
    system = systems.make(name, setting=setting)
    assert system.name == name
    assert system.setting == setting
    assert system.citation.lstrip().startswith("@")
    assert system.deviations
    assert all(sentence.endswith(".") for sentence in system.deviations)
    for figure in system.published:
        assert isinstance(figure, Published)
        assert 0 < figure.value < 1
        assert figure.metric in ("uar", "wa")
        assert figure.protocol
        assert figure.source
    assert systems.find(name)(setting=setting).front_end == system.front_end
    # Development speakers are held out where they have something to decide.
    if "patience" in system.parameters:
        decided = system.parameters["patience"] is not None
        assert decided or setting == "ours"
        assert system.needs_development == decided
        assert systems.make(name, setting=setting, patience=3).needs_development


def test_a_misspelt_system_or_parameter_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown system 'svn'; did you mean 'svm'"):
        systems.make("svn")
    with pytest.raises(InputError, match="unknown parameter of svm 'delta'; did you mean 'deltas'"):
        systems.make("svm", delta=True)
    with pytest.raises(InputError, match="unknown setting 'sources'; did you mean 'source'"):
        systems.make("svm", setting="sources")


def test_what_is_not_given_comes_from_the_setting():
    recipes = {"ours": {"a": 1, "b": 2}, "source": {"a": 3, "b": 4}}
    assert choose("ours", {"a": None, "b": None}, **recipes) == {"a": 1, "b": 2}
    assert choose("source", {"a": 0}, **recipes) == {"a": 0, "b": 4}


def test_targets_are_emotions_or_carry_a_prefix():
    plain, prefixed = systems.svm(), systems.svm(sex_labels=True)
    assert plain.targets(TABLE).tolist() == ["anger", "neutral"]
    assert prefixed.targets(TABLE[:1]).tolist() == ["female/anger"]
    with pytest.raises(InputError, match="column 'sex'; found 1 utterances without it, the first"):
        prefixed.targets(TABLE)

"""Front ends in plain values, and nothing else made of them."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, LogMel
from ser_lib.recognition.front_ends import made_front_end, plain


@pytest.mark.parametrize("variant", ["default", "as_published"])
@pytest.mark.parametrize("name", systems.names())
def test_a_front_end_is_the_same_after_json(name, variant):
    front_end = systems.make(name, variant=variant).front_end
    assert made_front_end(json.loads(json.dumps(plain(front_end)))) == front_end


@dataclasses.dataclass(frozen=True)
class Louder:
    """A step of the user's own."""

    used: ClassVar[list] = []

    def __call__(self, signal, sample_rate, rng):
        return signal * np.float32(2)


def test_a_step_of_the_users_own_cannot_be_stored():
    with pytest.raises(InputError, match="Louder' is unknown"):
        plain(FrontEnd(analysis=LogMel(), preprocessing=(Louder(),)))


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "ser_lib.cli.main",
        "ser_lib.features.front_end.decode",
        "ser_lib.features.front_end.Path",
        "ser_lib.features.ragged.RaggedArray",
        "ser_lib.features.no_such_module.Step",
        "ser_lib.features..x",
        "ser_lib.signal.degrade",
        None,
        7,
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="is unknown"):
        made_front_end({"class": name})


def test_wrong_parameters_are_refused():
    name = "ser_lib.features.log_mel.LogMel"
    with pytest.raises(InputError, match="unexpected keyword"):
        made_front_end({"class": name, "nonsense": 1})
    with pytest.raises(InputError, match="n_mels"):
        made_front_end({"class": name, "n_mels": -1})
    with pytest.raises(InputError, match="expected one as"):
        made_front_end({"class": name})

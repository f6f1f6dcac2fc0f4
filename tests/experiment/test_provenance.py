"""A result says where it was computed, and what determined it."""

import numpy as np

from ser_lib import identity
from ser_lib.experiment.provenance import environment


def test_an_environment_names_versions_and_hardware_only():
    description = environment(neural=False)
    assert description["backend"] == "scikit-learn"
    assert description["versions"]["numpy"] == np.__version__
    assert "keras" not in description["versions"]
    assert set(description["hardware"]) == {"cpu", "cores", "gpu"}
    assert identity.canonical(description)

"""A result says where it was computed, and what determined it."""

import numpy as np

from ser_lib import identity, protocols
from ser_lib.experiment.provenance import environment, specify


def test_an_environment_names_versions_and_hardware_only():
    description = environment(neural=False)
    assert description["backend"] == "scikit-learn"
    assert description["versions"]["numpy"] == np.__version__
    assert "keras" not in description["versions"]
    assert set(description["hardware"]) == {"cpu", "cores", "gpu"}
    assert identity.canonical(description)


def test_results_rest_on_decoding_normalisation_and_the_fold_whatever_the_system(corpus, system):
    protocol = protocols.make(corpus.protocol)
    files = set(specify(system, corpus, protocol, "train", {}).code.files)
    assert files >= {
        *("signal/decoding.py", "features/normalisation.py", "features/log_mel.py"),
        *("experiment/fold.py", "tiny.Tiny", "tiny.NearestMean"),
    }
    others = ("corpora/", "protocols/", "neural/", "systems/", "experiment/run", "features/cache")
    assert not [name for name in files if name.startswith(others)]

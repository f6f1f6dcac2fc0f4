"""Weights and classifiers that several tests of the systems share."""

import h5py
import numpy as np
import pytest
from small_systems import CASES, as_if_trained, disturb, features, make


@pytest.fixture(scope="session")
def squeezenet_weights(tmp_path_factory):
    """A file with the layout of SqueezeNet's published weights, and random numbers."""
    import keras

    from ser_lib.neural.squeezenet import squeezenet_convolutions

    images = keras.Input((31, 31, 3))
    model = keras.Model(images, squeezenet_convolutions(images))
    disturb(model)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.h5"
    with h5py.File(path, "w") as file:
        for layer in model.layers:
            if layer.weights:
                group = file.create_group(layer.name.replace("_", "/"))
                group.attrs["weight_names"] = np.array(["kernel", "bias"], "S")
                for name, array in zip(("kernel", "bias"), layer.get_weights(), strict=True):
                    group[name] = array
    return path


@pytest.fixture(scope="session")
def trained(squeezenet_weights):
    """From a case to its system and a classifier as if trained."""
    classifiers = {}

    def trained(case):
        assert case in CASES
        if case not in classifiers:
            system = make(case, squeezenet_weights)
            X = features(system, 0.9, 1.8, 1.3)
            classifiers[case] = system, as_if_trained(system, X)
        return classifiers[case]

    return trained

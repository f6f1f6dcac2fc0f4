"""Weights and classifiers that several tests of the systems share."""

import numpy as np
import pytest
import squeezenet_files
from small_systems import as_if_trained, features, make
from torch_files import save, state_of


@pytest.fixture(scope="session")
def squeezenet_weights(tmp_path_factory):
    """A file with the layout of SqueezeNet's published weights, and random numbers."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet.h5"
    return squeezenet_files.write(path, squeezenet_files.random_weights())


@pytest.fixture(scope="session")
def trained(squeezenet_weights):
    """From a case to its system and a classifier as if trained."""
    classifiers = {}

    def trained(case):
        if case not in classifiers:
            system = make(case, squeezenet_weights)
            X = features(system, 0.9, 1.8, 1.3)
            classifiers[case] = system, as_if_trained(system, X)
        return classifiers[case]

    return trained


@pytest.fixture(scope="session")
def alexnet_file(tmp_path_factory):
    """A file with the layout of torchvision's, of the convolutions alone."""
    rng, arrays = np.random.default_rng(0), {}
    for number, shape in {
        0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }.items():  # fmt: skip
        weight = rng.standard_normal(shape, "float32") * np.float32(np.prod(shape[1:]) ** -0.5)
        arrays[f"features.{number}.weight"] = weight
        arrays[f"features.{number}.bias"] = rng.standard_normal(shape[0], "float32") / 10
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    save(path, state_of(arrays))
    return path

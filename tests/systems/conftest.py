"""Weights and classifiers that several tests of the systems share."""

import pytest
import squeezenet_files
from small_systems import as_if_trained, features, make


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

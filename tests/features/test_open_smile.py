"""The functionals of openSMILE, where the extra that brings it is installed."""

import sys

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import open_smile
from ser_lib.features.open_smile import OneVector, OpenSmile


def test_the_functionals_are_those_of_the_package(speech):
    opensmile = pytest.importorskip("opensmile")
    signal = speech(1.0)
    smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02)
    found = OpenSmile()(signal, 16000)
    np.testing.assert_array_equal(found, smile.process_signal(signal, 16000).to_numpy())
    assert OpenSmile().names == tuple(smile.feature_names)
    assert np.isfinite(OpenSmile()(signal[:10], 16000)).all()
    assert OneVector()(found) is found


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(open_smile, "_extractor", open_smile._extractor.__wrapped__)
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(InputError, match="opensmile is not installed; the extra `baselines`"):
        OpenSmile(functionals="compare")(np.zeros(16000), 16000)


def test_a_misspelt_set_is_refused():
    with pytest.raises(InputError, match="unknown functionals of OpenSmile 'egemap'"):
        OpenSmile(functionals="egemap")

"""The functionals of openSMILE, where the extra that brings it is installed."""

import subprocess
import sys

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import open_smile
from ser_lib.features.open_smile import OneVector, OpenSmile

# Beside TensorFlow, which other tests load, openSMILE's library crashes.
REFERENCE = """
import sys, numpy as np, opensmile
smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02)
values = smile.process_signal(np.load(sys.argv[1]), 16000).to_numpy()
np.savez(sys.argv[2], values=values, names=smile.feature_names)
"""


def test_the_functionals_are_those_of_the_package(speech, tmp_path):
    pytest.importorskip("opensmile")
    signal = speech(1.0)
    np.save(tmp_path / "signal.npy", np.asarray(signal, np.float32))
    files = [str(tmp_path / name) for name in ("signal.npy", "values.npz")]
    subprocess.run([sys.executable, "-c", REFERENCE, *files], check=True)
    reference = np.load(files[1])
    found = OpenSmile()(signal, 16000)
    np.testing.assert_array_equal(found, reference["values"])
    assert OpenSmile().names == tuple(reference["names"])
    assert np.isfinite(OpenSmile()(signal[:10], 16000)).all()
    assert OneVector()(found) is found


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(open_smile, "_child", open_smile._child.__wrapped__)
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(InputError, match="opensmile is not installed; the extra `baselines`"):
        OpenSmile(functionals="compare")(np.zeros(16000), 16000)


def test_a_misspelt_set_is_refused():
    with pytest.raises(InputError, match="unknown functionals of OpenSmile 'egemap'"):
        OpenSmile(functionals="egemap")

"""Every analysis, segmentation and front end refuses bad parameters by name."""

import dataclasses

import numpy as np
import pytest

from ser_lib import features
from ser_lib.errors import InputError
from ser_lib.signal import PreEmphasis

MEL = features.LogMel(n_mels=40)


@dataclasses.dataclass
class Thawed:
    """A step that could change after its features were cached."""

    def __call__(self, signal, rate):
        return signal[:, None]


BAD = {
    "LogMel": [
        ({"n_fft": 401}, "n_fft is 401; expected an even number"),
        ({"win_length": 600}, "win_length is 600; expected at most n_fft, 512"),
        ({"hop_length": 0}, "hop_length is 0"),
        ({"window": "haming"}, "unknown window of LogMel 'haming'; did you mean 'hamming'"),
        ({"compression": "db"}, "unknown compression of LogMel 'db'"),
        ({"pad_mode": "zeros"}, "unknown pad_mode"),
        ({"fmin": 100, "fmax": 50}, "fmax is 50; expected a number above 100"),
        ({"top_db": 0}, "top_db is 0"),
        ({"filter_rate": 0}, "filter_rate is 0; expected a number above 0"),
    ],
    "LogSpectrogram": [
        ({"win_length": 801}, "LogSpectrogram: win_length is 801; expected at most n_fft, 800"),
        ({"bins": 402}, "bins is 402; expected at most the 401 of a transform of 800 samples"),
        ({"bins": 0}, "bins is 0"),
        ({"top_db": -3}, "top_db is -3"),
    ],
    "Descriptors": [
        ({"convention": "mine"}, "unknown convention of Descriptors 'mine'"),
        ({"subset": ("zrc",)}, "unknown subset of Descriptors 'zrc'; did you mean 'zcr'"),
        ({"subset": ("chroma_1",)}, "unknown subset of Descriptors 'chroma_1'"),
        ({"subset": ()}, "expected one name or more"),
        ({"subset": ("zcr", "zcr")}, "each only once"),
        ({"frame": 0}, "frame is 0; expected a number above 0"),
        ({"deltas": 2}, "deltas is 2; expected True or False"),
        ({"convention": "pyaudioanalysis", "truncate": True}, "expected 'audiolibrary'"),
    ],
    "PyAudioAnalysis": [({"subset": "loudness"}, "unknown subset of PyAudioAnalysis 'loudness'")],
    "WithDeltas": [
        ({"analysis": MEL, "width": 4}, "width is 4; expected an odd number"),
        ({"analysis": MEL, "width": 1}, "width is 1"),
        ({"analysis": features.LogMel}, "WithDeltas: one of its parts is .*LogMel"),
    ],
    "Variants": [
        ({"analysis": MEL, "variants": ()}, r"variants is \(\); expected a tuple"),
        ({"analysis": MEL, "variants": (PreEmphasis(),)}, r"variants is \(PreEmphasis.* expected"),
        ({"analysis": MEL, "variants": ((np.abs,),)}, "Variants: one of its parts is <ufunc"),
    ],
    "Functionals": [
        ({"statistics": ("mean", "medain")}, "statistics of Functionals 'medain'; .* 'median'"),
        ({"statistics": ()}, "expected one name or more"),
    ],
    "Windows": [
        ({"length": 0}, "Windows: length is 0; expected an integer of at least 1"),
        ({"length": 2.5}, "length is 2.5"),
        ({"length": 4, "hop": 5}, "hop is 5; expected at most the length, 4"),
        ({"length": 4, "pad": "zero"}, "pad is 'zero'; expected 'floor' or a number"),
        ({"length": 4, "pad": float("inf")}, "pad is inf"),
        ({"length": 4, "pad": ("floor", "roof")}, "'roof'.*expected 'floor' or a number"),
        ({"length": 4, "pad": None}, "pad is None"),
        ({"length": 4, "max_windows": 0}, "max_windows is 0; expected an integer of at least 1"),
    ],
    "FrontEnd": [
        ({"analysis": features.LogMel}, "expected a callable instance"),
        ({"analysis": Thawed()}, "expected a callable instance"),
        ({"analysis": MEL, "preprocessing": (np.abs,)}, "one of its parts is <ufunc"),
        ({"analysis": MEL, "preprocessing": PreEmphasis()}, "expected a tuple"),
        ({"analysis": MEL, "sample_rate": 0}, "sample_rate is 0"),
        ({"analysis": MEL, "dtype": "float"}, "unknown dtype of FrontEnd 'float'"),
    ],
}


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [(name, *case) for name, cases in BAD.items() for case in cases],
)
def test_bad_parameters_are_named(name, parameters, message):
    with pytest.raises(InputError, match=message):
        getattr(features, name)(**parameters)

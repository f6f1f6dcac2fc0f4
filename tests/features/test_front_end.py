"""A front end turns a waveform into an array, and its parameters are its identity."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile

from ser_lib import identity
from ser_lib.errors import InputError
from ser_lib.features import Descriptors, Frames, FrontEnd, Functionals, LogMel, Windows
from ser_lib.features.functionals import STATISTICS
from ser_lib.signal import FixedLength, Offset, PreEmphasis, Standardise, WhiteNoise

STEPS = {"analysis": Descriptors(), "segmentation": Functionals()}
SVM = FrontEnd(preprocessing=(PreEmphasis(),), **STEPS)
CNN_LSTM = FrontEnd(
    preprocessing=(Offset(0.5), Standardise(), FixedLength(3.06875)),
    analysis=LogMel(n_fft=512, win_length=256, hop_length=128, window="hamming", fmax=4000),
    segmentation=Windows(length=128, hop=64),
)


@pytest.mark.parametrize(
    ("front_end", "seconds", "shape"),
    [
        (SVM, 2, (1, 200)),
        (CNN_LSTM, 9, (5, 128, 128)),
        (CNN_LSTM, 0.1, (5, 128, 128)),
        (FrontEnd(analysis=LogMel()), 1, (101, 128)),
        (FrontEnd(analysis=LogMel(), segmentation=Windows(length=300)), 0.1, (1, 300, 128)),
    ],
)
def test_shapes_of_any_length_of_recording(speech, front_end, seconds, shape):
    items = front_end(speech(seconds))
    assert (items.shape, items.dtype) == (shape, np.float32)


def test_it_is_preprocessing_then_analysis_then_segmentation(speech):
    signal = speech()
    preprocessed = Standardise()(PreEmphasis()(signal, 16000, None), 16000, None)
    front_end = FrontEnd(preprocessing=[PreEmphasis(), Standardise()], analysis=LogMel())
    np.testing.assert_array_equal(front_end(signal), LogMel()(preprocessed, 16000))


@pytest.mark.parametrize("front_end", [SVM, CNN_LSTM, SVM.degraded(WhiteNoise(snr=10))])
@pytest.mark.parametrize("samples", [1, 400, 20000])
@pytest.mark.parametrize("level", [0, 0.25])
def test_silence_is_finite(front_end, samples, level):
    assert np.isfinite(front_end(np.full(samples, level, np.float32), "a")).all()


def test_identity_is_class_names_and_parameters():
    analysis = {"class": "Descriptors", "convention": "audiolibrary", "truncate": False}
    analysis |= {"subset": list(SVM.analysis.subset), "deltas": False, "frame": 0.025, "hop": 0.01}
    analysis |= {"epsilon": None}
    assert SVM.identity() == {
        "class": "FrontEnd",
        "preprocessing": [{"class": "PreEmphasis", "coefficient": 0.97}],
        "analysis": analysis,
        "segmentation": {"class": "Functionals", "statistics": list(STATISTICS)},
        "sample_rate": 16000,
        "dtype": "float32",
    }


def test_the_same_parameters_are_the_same_identity_however_they_are_written():
    noisy = [SVM.degraded(WhiteNoise(snr=snr)) for snr in (20, 20.0, np.float64(20), np.int64(20))]
    noisy += [SVM.degraded(WhiteNoise(**json.loads('{"snr": 20, "copy": 0}')))]
    assert len({identity.digest(one.identity()) for one in noisy}) == 1
    pairs = [WhiteNoise(snr=(15, 29)), WhiteNoise(snr=[15, 29.0])]
    assert pairs[0] == pairs[1]


def test_every_parameter_counts_for_the_identity():
    others = [
        SVM,
        dataclasses.replace(SVM, sample_rate=8000),
        dataclasses.replace(SVM, dtype="float64"),
        dataclasses.replace(SVM, segmentation=Frames()),
        dataclasses.replace(SVM, analysis=Descriptors(deltas=True)),
        SVM.degraded(WhiteNoise(snr=10)),
        SVM.degraded(WhiteNoise(snr=10, copy=1)),
    ]
    assert len({identity.digest(one.identity()) for one in others}) == len(others)


def test_degradation_comes_before_all_other_preprocessing(speech):
    noise, room = WhiteNoise(snr=10), WhiteNoise(snr=30)
    assert SVM.degraded(noise, room).preprocessing == (noise, room, PreEmphasis())
    degraded = SVM.degraded(noise)
    assert not np.array_equal(degraded(speech(), "a"), degraded(speech(), "b"))
    assert np.array_equal(degraded(speech(), "a"), degraded(speech(), "a"))
    assert np.array_equal(SVM(speech(), "a"), SVM(speech(), "b"))


def test_feature_names():
    assert SVM.feature_names[:2] == ("zcr mean", "energy mean")
    assert len(SVM.feature_names) == 200
    assert FrontEnd(analysis=Descriptors()).feature_names == Descriptors().names
    assert CNN_LSTM.feature_names[0] == "mel_1"


@dataclasses.dataclass(frozen=True)
class Huge:
    def __call__(self, signal, rate):
        return np.full((1, 1), 1e6)


@pytest.mark.parametrize(
    "signal", [np.zeros((2, 99)), np.zeros(0), np.array([0, np.nan]), np.array([0, np.inf])]
)
def test_a_signal_that_is_none_is_refused(signal):
    with pytest.raises(InputError, match="expected one channel of at least one sample, all finite"):
        SVM(signal)


def test_integers_are_no_signal(speech):
    integers = (32767 * speech()).astype(np.int16)
    with pytest.raises(InputError, match="signal is of int16; expected floats between -1 and 1"):
        SVM(integers)


def test_a_rate_is_no_name(speech):
    with pytest.raises(InputError, match=r"utterance is 48000; expected the name.*16000 Hz"):
        SVM(speech(), 48000)


def test_what_does_not_fit_the_type_is_refused(speech):
    with pytest.raises(InputError, match="features of a are not finite in float16"):
        FrontEnd(analysis=Huge(), dtype="float16")(speech(), "a")


def test_a_recording_is_given_by_its_path(speech, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech(), 16000, subtype="FLOAT")
    front_end = FrontEnd(analysis=LogMel(), preprocessing=(WhiteNoise(snr=10),))
    np.testing.assert_array_equal(front_end(path), front_end(speech(), "a"))
    np.testing.assert_array_equal(front_end(str(path)), front_end(path))
    with pytest.raises(InputError, match=r"missing\.wav"):
        front_end(tmp_path / "missing.wav")

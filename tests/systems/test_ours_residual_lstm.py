"""The residual LSTM: its frames, the sum around its LSTMs, and copies with moved mel bands."""

import dataclasses

import numpy as np
import pytest
from small_systems import noise

from ser_lib.errors import InputError
from ser_lib.systems import OursResidualLstm

SMALL = {"n_mfcc": 5, "n_chroma": 3, "units": 4}


def lstms(network):
    """Shapes of the kernels that read the features or the states before."""
    return [w.shape for w in network.weights if w.path.endswith("lstm_cell/kernel")]


@pytest.mark.parametrize("variant", ["default", "as_published"])
def test_frames_of_85_ms_lie_half_a_frame_apart(variant):
    front_end = OursResidualLstm.of(variant=variant, trim=False).front_end
    assert front_end.feature_names[0] == "mfcc_0"
    frames = front_end(noise(4.0, sample_rate=front_end.sample_rate), "u")
    seconds = 4.0 / (len(frames) - 1)
    assert seconds == pytest.approx(0.0425, rel=0.02)
    analysis = front_end.analysis
    assert analysis.n_fft / front_end.sample_rate == pytest.approx(0.085, rel=0.01)
    assert analysis.hop_length == analysis.n_fft // 2


def test_as_published_there_are_34_cepstral_coefficients_and_12_chroma():
    names = OursResidualLstm.as_published().front_end.feature_names
    assert names == (*(f"mfcc_{n}" for n in range(34)), *(f"chroma_{n}" for n in range(1, 13)))


def test_derivatives_are_features_of_the_same_frames():
    plain, derived = (
        OursResidualLstm(deltas=deltas, **SMALL).front_end(noise(1.0), "u")
        for deltas in (False, True)
    )
    assert derived.shape == (len(plain), 3 * plain.shape[1])
    np.testing.assert_array_equal(derived.reshape(*plain.shape, 3)[..., 0], plain)


def test_an_lstm_adds_to_what_it_reads():
    import keras

    system = OursResidualLstm(depth=1, width=None, **SMALL)
    network = system.build((8,), 3)
    (added,) = (layer for layer in network.layers if isinstance(layer, keras.layers.Add))
    inner = keras.Model(network.inputs, [added.input[1], added.output])
    values = np.random.default_rng(0).normal(size=(2, 6, 8)).astype("float32")
    batch = {"values": values, "mask": np.ones((2, 6), bool)}
    states, total = (np.asarray(x) for x in inner(batch))
    assert np.abs(states).max() > 1e-3
    np.testing.assert_allclose(total, values + states, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "shapes"),
    [
        ({"depth": 0}, 2 * [(8, 16)]),
        ({"depth": 1}, 2 * [(8, 16)] + 2 * [(8, 16)]),
        ({"depth": 2}, 4 * [(8, 16)] + 2 * [(8, 16)]),
        ({"depth": 1, "bidirectional": False}, [(8, 32), (8, 16)]),
        ({"depth": 1, "width": 6}, 2 * [(6, 12)] + 2 * [(6, 16)]),
    ],
)
def test_residual_lstms_are_as_wide_as_what_they_read(parameters, shapes):
    parameters = {"width": None, "bidirectional": True} | parameters
    assert lstms(OursResidualLstm(**SMALL, **parameters).build((8,), 3)) == shapes


@pytest.mark.parametrize("parameters", [{"n_mfcc": 4}, {"width": 7}])
def test_an_odd_number_of_features_cannot_be_shared_by_two_directions(parameters):
    odd = SMALL | {"width": None, "depth": 1} | parameters
    with pytest.raises(InputError, match=r"7 features .*; expected an even number"):
        OursResidualLstm(**odd)
    for allowed in ({"depth": 0}, {"bidirectional": False}):
        assert OursResidualLstm(**odd | allowed).build((7,), 3).count_params() > 0


def test_mel_bands_of_copies_are_moved_evenly_and_those_of_the_recording_are_not():
    system = OursResidualLstm(augmented_copies=3, warp_change=0.1, speed_change=0.0)
    assert system.front_end.analysis.warp == 1
    warps = [copy.analysis.warp for copy in system.training_copies]
    np.testing.assert_allclose(warps, [1 / 1.1, 1, 1.1])
    # Apart from that, copies are the inherited ones.
    plain = dataclasses.replace(system, warp_change=0.0).training_copies
    for copy, other in zip(system.training_copies, plain, strict=True):
        assert dataclasses.replace(copy, analysis=other.analysis) == other
    first, last = (system.training_copies[i](noise(1.0), "u") for i in (0, 2))
    assert first.shape == last.shape
    assert np.isfinite(first).all()


def test_bands_that_would_leave_the_spectrum_are_refused():
    system = OursResidualLstm(augmented_copies=1, warp_change=0.1, fmax=None)
    # A single copy is moved down.
    assert np.isfinite(system.training_copies[0](noise(0.5), "u")).all()
    two = dataclasses.replace(system, augmented_copies=2)
    with pytest.raises(InputError, match=r"fmax is 8000 Hz and warp 1\.1; expected"):
        two.training_copies[1](noise(0.5), "u")

"""Channels: derivatives against librosa and by hand, variants against single analyses."""

import dataclasses

import librosa
import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, LogMel, LogSpectrogram, Variants, Windows, WithDeltas
from ser_lib.signal import AddedNoise, Offset, PreEmphasis, Reverberation

RATE = 16000
MEL = LogMel(n_mels=40)


@dataclasses.dataclass(frozen=True)
class Column:
    """The signal itself as a spectrogram of one band."""

    names = ("value",)

    def __call__(self, signal, rate):
        return np.asarray(signal, np.float32)[:, None]


@pytest.mark.parametrize("width", [3, 5, 9])
@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_deltas_equal_those_of_librosa_applied_twice(speech, width, seconds):
    signal = speech(seconds)
    static = MEL(signal, RATE)
    first = librosa.feature.delta(static, width=width, mode="nearest", axis=0)
    second = librosa.feature.delta(first, width=width, mode="nearest", axis=0)
    found = WithDeltas(analysis=MEL, width=width)(signal, RATE)
    assert (found.shape, found.dtype) == ((len(static), 40, 3), np.float32)
    np.testing.assert_array_equal(found[..., 0], static)
    np.testing.assert_allclose(found[..., 1], first, atol=1e-4)
    np.testing.assert_allclose(found[..., 2], second, atol=1e-4)


def test_deltas_worked_by_hand():
    x = [1, 2, 4, 8, 16]
    first = [
        (2 - 1 + 2 * (4 - 1)) / 10,
        (4 - 1 + 2 * (8 - 1)) / 10,
        (8 - 2 + 2 * (16 - 1)) / 10,
        (16 - 4 + 2 * (16 - 2)) / 10,
        (16 - 8 + 2 * (16 - 4)) / 10,
    ]
    found = WithDeltas(analysis=Column())(x, RATE)[:, 0]
    np.testing.assert_allclose(found[:, 1], first, rtol=1e-6)
    middle = (first[3] - first[1] + 2 * (first[4] - first[0])) / 10
    assert found[2, 2] == pytest.approx(middle)


def test_a_single_frame_does_not_change():
    found = WithDeltas(analysis=MEL)(np.ones(1, np.float32), RATE)
    assert found.shape == (1, 40, 3)
    assert not found[..., 1:].any()


VARIANTS = Variants(
    analysis=LogSpectrogram(),
    variants=((), (AddedNoise(sd=0.002),), (Reverberation(rt60=0.4), PreEmphasis())),
)


def test_each_variant_is_a_channel(speech):
    signal = speech()
    channels = VARIANTS(signal, RATE)
    assert (channels.shape, channels.dtype) == ((151, 200, 3), np.float32)
    np.testing.assert_array_equal(channels[..., 0], LogSpectrogram()(signal, RATE))
    # In the pauses, which are digital silence, the noise is all there is.
    pauses = channels[channels[..., 0].max(axis=1) == -80]
    assert len(pauses) > 10
    assert pauses[..., 1].mean() > -80 + 10
    preemphasised = Variants(analysis=LogSpectrogram(), variants=[[PreEmphasis()]])
    np.testing.assert_array_equal(
        preemphasised(signal, RATE)[..., 0],
        LogSpectrogram()(PreEmphasis()(signal, RATE, None), RATE),
    )


def test_the_random_numbers_depend_on_the_samples_and_the_step_only(speech):
    signal = speech()
    again = dataclasses.replace(VARIANTS)
    np.testing.assert_array_equal(VARIANTS(signal, RATE), again(signal.copy(), RATE))

    def noise(signal, **parameters):
        steps = (AddedNoise(sd=0.1, **parameters),)
        return Variants(analysis=Column(), variants=((), steps))(signal, RATE)[:, 0] @ [-1, 1]

    silence = np.zeros(RATE, np.float32)
    other = silence.copy()
    other[0] = 1e-6
    assert np.std(noise(silence)) == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(noise(silence), noise(silence.astype(np.float64)))
    for different in (noise(other), noise(silence, copy=1)):
        assert abs(np.corrcoef(noise(silence), different)[0, 1]) < 0.05


def test_variants_are_cut_to_the_shortest(speech):
    variants = Variants(analysis=LogSpectrogram(), variants=((), (Offset(0.5),)))
    assert variants(speech(1.5), RATE).shape == (101, 200, 2)


@pytest.mark.parametrize("analysis", [WithDeltas(analysis=MEL), VARIANTS])
@pytest.mark.parametrize("pad", ["floor", 0.0, ("floor", 0, 0)])
@pytest.mark.parametrize("samples", [1, 5000, 60000])
def test_channels_in_windows(speech, analysis, pad, samples):
    front_end = FrontEnd(
        preprocessing=(PreEmphasis(),), analysis=analysis, segmentation=Windows(length=300, pad=pad)
    )
    signal = speech(4)[:samples]
    items = front_end(signal)
    count, bands = 1 + samples // 160, len(front_end.feature_names)
    assert items.shape == (1 + (count > 300), 300, bands, 3)
    frames = analysis(PreEmphasis()(signal, RATE, None), RATE)
    flat = items.reshape(-1, bands, 3)
    np.testing.assert_array_equal(flat[:count], frames)
    floor = frames.min(axis=(0, 1))
    padding = {"floor": floor, 0.0: np.zeros(3)}.get(pad, np.array([floor[0], 0, 0]))
    assert (flat[count:] == padding).all()


@pytest.mark.parametrize("analysis", [WithDeltas(analysis=MEL), VARIANTS])
def test_silence_is_finite_and_names_are_those_of_the_bands(analysis):
    for level in (0, 0.25):
        assert np.isfinite(analysis(np.full(9000, level, np.float32), RATE)).all()
    assert analysis.names == analysis.analysis.names


def test_channels_of_channels_are_refused():
    nested = WithDeltas(analysis=VARIANTS)
    with pytest.raises(InputError, match=r"an array of shape \(101, 200, 3\); expected \(frames"):
        nested(np.zeros(RATE, np.float32), RATE)

"""Short-term descriptors, against pyAudioAnalysis and against formulas worked frame by frame."""

import numpy as np
import pytest
import scipy.fft

from ser_lib.errors import InputError
from ser_lib.features import Descriptors, PyAudioAnalysis
from ser_lib.signal import decode

RATE = 16000


def assert_equal(found, expected):
    """Equal to 1e-6 relative; what is zero but for rounding is compared with its column's size."""
    np.testing.assert_array_less(
        np.abs(found - expected),
        1e-6 * np.abs(expected) + 1e-12 * np.abs(expected).max(axis=0) + 1e-13,
    )


def both(**options):
    """Our own 34 descriptors, and those that pyAudioAnalysis itself computes."""
    return Descriptors(convention="pyaudioanalysis", **options), PyAudioAnalysis(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"deltas": True},
        {"subset": ("chroma_std", "zcr", "mfcc_1"), "deltas": True},
        {"frame": 0.050, "hop": 0.025},
    ],
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_34_are_those_of_pyaudioanalysis(speech, options, rate):
    ours, library = both(**options)
    signal = speech(2.5, rate)
    assert ours.names == library.names
    assert_equal(ours(signal, rate), library(signal, rate))


def test_the_epsilon_of_2018_brings_the_roll_off_of_quiet_frames_down(speech):
    signal = speech()
    signal[4000:8000] *= 2e-3
    old = Descriptors(convention="pyaudioanalysis", epsilon=1e-8)
    new = Descriptors(convention="pyaudioanalysis")
    rolloff = old.names.index("spectral_rolloff")
    found, now = old(signal, RATE), new(signal, RATE)
    # Worked by hand: the first bin at which cumulative energy plus epsilon exceeds 90 %.
    scaled = signal - signal.mean(dtype=float)
    scaled /= np.abs(scaled).max() + 1e-10
    frames = np.lib.stride_tricks.sliding_window_view(scaled, 400)[::160]
    energy = (np.abs(np.fft.rfft(frames))[:, :200] / 200) ** 2
    cumulated = energy.cumsum(axis=1)
    expected = (cumulated + 1e-8 > 0.9 * cumulated[:, -1:]).argmax(axis=1) / 200
    np.testing.assert_allclose(found[:, rolloff], expected)
    quiet = slice(26, 47)
    assert (found[quiet, rolloff] <= now[quiet, rolloff]).all()
    assert (found[quiet, rolloff] < now[quiet, rolloff]).mean() > 0.4
    loud = slice(0, 22)
    np.testing.assert_allclose(found[loud, rolloff], now[loud, rolloff])


@pytest.mark.parametrize("samples", [1, 399, 400, 559, 560])
@pytest.mark.parametrize("level", [0, 0.25, None])
def test_short_recordings_and_silence_are_those_of_pyaudioanalysis(speech, samples, level):
    ours, library = both(deltas=True)
    signal = speech()[:samples] if level is None else np.full(samples, level, np.float32)
    values = library(signal, RATE)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(ours(signal, RATE), values, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("files", ["emodb/**/*.flac", "ravdess/**/*.flac"])
def test_the_34_are_those_of_pyaudioanalysis_on_real_recordings(real_data, files):
    recordings = sorted(real_data.glob(files))
    if not recordings:
        pytest.skip(f"no {files} under SER_DATA")
    ours, library = both()
    for recording in recordings[:: len(recordings) // 3]:
        signal = decode(recording).signal
        assert_equal(ours(signal, RATE), library(signal, RATE))


def by_hand(signal, rate, truncate=False):
    """The 20 of the audio library, one frame after the other."""
    length, hop, eps = int(0.025 * rate), int(0.010 * rate), 1e-7
    n_fft = 512 if truncate else max(512, 2 ** int(np.ceil(np.log2(length))))
    top = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, 42) / 2595) - 1)
    corners = np.floor((n_fft + 1) * corners / rate).astype(int)
    rows, before = [], None
    for start in range(0, len(signal) - length + 1, hop):
        x = np.float64(signal[start : start + length]) * 2**15 * np.hamming(length)
        spectrum = np.abs(np.fft.fft(x))[: length // 2] / length
        hertz = (np.arange(length // 2) + 1) * rate / 2 / (length // 2)
        weight = spectrum / spectrum.max() if spectrum.max() > 0 else spectrum
        centroid = np.sum(hertz * weight) / (np.sum(weight) + eps)
        spread = np.sqrt(np.sum((hertz - centroid) ** 2 * weight) / (np.sum(weight) + eps))
        shape = spectrum / np.sum(spectrum + np.finfo(float).eps)
        before = shape if before is None else before
        beyond = np.flatnonzero(np.cumsum(spectrum**2) + eps > 0.9 * np.sum(spectrum**2))
        periodogram = np.abs(np.fft.rfft(x[:n_fft], n_fft)) ** 2 / n_fft
        bands = np.zeros(40)
        for m in range(40):
            low, centre, high = corners[m : m + 3]
            for k in range(low, centre):
                bands[m] += periodogram[k] * (k - low) / (centre - low)
            for k in range(centre, high):
                bands[m] += periodogram[k] * (high - k) / (high - centre)
        bands[bands == 0] = np.finfo(float).eps
        rows.append(
            [
                np.sum(np.abs(np.diff(np.sign(x)))) / 2 / (length - 1),
                np.mean(x**2),
                entropy(x**2, eps),
                centroid / (rate / 2),
                spread / (rate / 2),
                entropy(spectrum**2, eps),
                np.sum((shape - before) ** 2),
                beyond[0] / (length // 2) if len(beyond) else 0,
                *scipy.fft.dct(20 * np.log10(bands), type=2, norm="ortho")[1:13],
            ]
        )
        before = shape
    return np.array(rows)


def entropy(energies, eps):
    part = len(energies) // 10
    shares = [np.sum(energies[j * part : (j + 1) * part]) for j in range(10)]
    shares = np.array(shares) / (np.sum(energies) + eps)
    return -np.sum(shares * np.log2(shares + eps))


@pytest.mark.parametrize(
    ("rate", "truncate"), [(16000, False), (16000, True), (44100, False), (44100, True)]
)
def test_the_20_of_the_audio_library_are_those_worked_by_hand(speech, rate, truncate):
    signal = speech(1.6, rate)
    found = Descriptors(truncate=truncate)(signal, rate)
    expected = by_hand(signal, rate, truncate)
    assert found.shape == expected.shape
    assert_equal(found, expected)


def test_truncation_makes_a_difference_only_where_a_frame_is_longer_than_the_transform(speech):
    short, long = speech(1, 16000), speech(1, 44100)
    whole, cut = Descriptors(), Descriptors(truncate=True)
    np.testing.assert_array_equal(whole(short, 16000), cut(short, 16000))
    different = np.any(whole(long, 44100) != cut(long, 44100), axis=0)
    assert different.tolist() == [name.startswith("mfcc") for name in whole.names]


def test_a_tone_has_its_centroid_and_zero_crossings_where_it_lies():
    tone = np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE + 0.1).astype(np.float32)
    names = ("spectral_centroid", "zcr", "spectral_flux")
    values = Descriptors(subset=names)(tone, RATE)
    centroid, zcr, flux = values[10]
    assert centroid * RATE / 2 == pytest.approx(2000, abs=60)
    assert zcr == pytest.approx(0.25, abs=0.005)
    assert flux == pytest.approx(0, abs=1e-12)


def test_a_subset_is_the_same_numbers(speech):
    everything = Descriptors(convention="pyaudioanalysis")
    subset = ("chroma_std", "zcr", "mfcc_1")
    some = Descriptors(convention="pyaudioanalysis", subset=subset, deltas=True)
    columns = [everything.names.index(name) for name in subset]
    values = some(speech(), RATE)
    np.testing.assert_array_equal(values[:, :3], everything(speech(), RATE)[:, columns])
    np.testing.assert_array_equal(values[1:, 3:], np.diff(values[:, :3], axis=0))
    assert not values[0, 3:].any()
    assert some.names == (*subset, "delta chroma_std", "delta zcr", "delta mfcc_1")


def test_a_frame_is_the_same_wherever_it_lies_in_a_long_recording(speech):
    # Frames are analysed in blocks; other blocks begin where the recording begins later.
    signal = speech(4)
    expected = Descriptors()(signal, RATE)[50:]
    values = Descriptors()(signal[50 * 160 :], RATE)
    # The flux of a first frame is 0, as nothing comes before it.
    flux = Descriptors().names.index("spectral_flux")
    values[0, flux] = expected[0, flux]
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("convention", ["audiolibrary", "pyaudioanalysis"])
@pytest.mark.parametrize("samples", [1, 399, 400, 16000])
@pytest.mark.parametrize("level", [0, 0.5])
def test_silence_and_short_signals_are_finite(convention, samples, level):
    signal = np.full(samples, level, np.float32)
    values = Descriptors(convention=convention, deltas=True)(signal, RATE)
    assert len(values) == max(0, samples - 400) // 160 + 1
    assert np.isfinite(values).all()


@pytest.mark.parametrize("analysis", [Descriptors, PyAudioAnalysis])
def test_a_frame_of_too_few_samples_is_refused(analysis):
    with pytest.raises(InputError, match="are 16 and 160 samples at 16000 Hz; expected at least"):
        analysis(frame=0.001)(np.zeros(RATE), RATE)

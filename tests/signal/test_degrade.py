"""Degraded copies have the level asked for, and are the same on every machine."""

import numpy as np
import pytest
from scipy.stats import linregress

from ser_lib.errors import InputError
from ser_lib.signal import (
    AddedNoise,
    PitchShift,
    Reverberation,
    SpeedPerturbation,
    TimeStretch,
    WhiteNoise,
)
from ser_lib.signal.seeding import generator

RATE = 16000


@pytest.fixture
def tone():
    return (0.1 * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)).astype(np.float32)


def degrade(step, signal, utterance="a"):
    return step(signal, RATE, generator(utterance, step))


def snr(clean, noisy):
    noise = noisy.astype(float) - clean
    return 10 * np.log10(np.mean(clean.astype(float) ** 2) / np.mean(noise**2))


@pytest.mark.parametrize("wanted", [-5.0, 0, 10, 20, 40])
def test_the_ratio_is_exact_for_the_noise_drawn(tone, wanted):
    assert snr(tone, degrade(WhiteNoise(snr=wanted), tone)) == pytest.approx(wanted, abs=1e-3)


def test_the_noise_is_white(tone):
    noise = degrade(WhiteNoise(snr=0), tone) - tone
    halves = np.array_split(np.abs(np.fft.rfft(noise))[1:-1] ** 2, 4)
    levels = [half.mean() for half in halves]
    assert max(levels) / min(levels) < 1.2


def test_added_noise_has_one_level_whatever_the_recording(tone):
    step = AddedNoise(sd=0.01)
    for level in (0, 0.1, 1):
        noise = degrade(step, np.float32(level) * tone) - np.float32(level) * tone
        assert noise.dtype == np.float32
        assert np.std(noise) == pytest.approx(0.01, rel=0.03)
        assert np.mean(noise) == pytest.approx(0, abs=3e-4)
    assert np.array_equal(degrade(AddedNoise(sd=0), tone), tone)


def test_each_utterance_draws_its_ratio_between_the_two(tone):
    drawn = [snr(tone, degrade(WhiteNoise(snr=(15, 29)), tone, f"{i}")) for i in range(60)]
    assert 15 <= min(drawn) < 18
    assert 26 < max(drawn) <= 29
    whole = [
        snr(tone, degrade(WhiteNoise(snr=(15, 17), integers=True), tone, f"{i}")) for i in range(60)
    ]
    assert {round(value, 2) for value in whole} == {15, 16, 17}


def test_the_random_numbers_are_those_of_every_machine():
    # Computed once; another NumPy, operating system or processor must draw the same.
    drawn = generator("03a01Fa", WhiteNoise(snr=20)).integers(1000, size=4)
    assert drawn.tolist() == [489, 984, 143, 987]
    drawn = generator("03a01Fa", SpeedPerturbation(max_change=0.1, copy=1)).integers(1000, size=4)
    assert drawn.tolist() == [851, 376, 894, 276]


def test_silence_has_no_ratio_and_stays_silent():
    for step in (WhiteNoise(snr=10), Reverberation(rt60=0.3)):
        assert not degrade(step, np.zeros(RATE, np.float32)).any()


@pytest.mark.parametrize("rt60", [0.2, 0.6])
def test_the_room_decays_by_sixty_decibels_within_its_reverberation_time(rt60):
    room = Reverberation(rt60=rt60, drr=3)
    response = room.impulse_response(RATE, generator("a", room))
    assert response[0] == 1
    assert np.sum(response[1:] ** 2) == pytest.approx(10**-0.3)
    # Schroeder's backward integration; its slope from -5 to -25 dB is extrapolated to 60 dB.
    decay = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1] / np.sum(response[1:] ** 2))
    part = np.flatnonzero((decay < -5) & (decay > -25))
    slope = linregress(part / RATE, decay[part]).slope
    assert -60 / slope == pytest.approx(rt60, rel=0.1)


def test_reverberation_keeps_length_level_and_start(tone):
    click = np.zeros(RATE, np.float32)
    click[1000] = 0.5
    wet = degrade(Reverberation(rt60=0.4), click)
    assert not wet[:1000].any() or np.abs(wet[:1000]).max() < 1e-6
    assert np.abs(wet).argmax() == 1000
    wet = degrade(Reverberation(rt60=0.4), tone)
    assert len(wet) == len(tone)
    assert np.std(wet) == pytest.approx(np.std(tone), rel=1e-3)


def test_a_faster_recording_is_shorter_and_higher_by_the_same_factor(tone):
    lengths = set()
    for utterance in "abcdef":
        played = degrade(SpeedPerturbation(max_change=0.2), tone, utterance)
        speed = len(tone) / len(played)
        assert 1 / 1.2 <= speed <= 1.2
        # Crossings of zero per second tell the pitch; the ends, which are faded, are left out.
        middle = played[1000:-1000]
        crossings = np.count_nonzero(np.diff(np.signbit(middle))) / len(middle) * RATE
        assert crossings / 2 == pytest.approx(300 * speed, rel=0.005)
        lengths.add(len(played))
    assert len(lengths) == 6


def vowel(pitch):
    """A harmonic tone with a formant at 700 Hz."""
    time = np.arange(RATE) / RATE
    harmonics = np.arange(1, 20)[:, np.newaxis] * pitch
    gain = 1 / (1 + ((harmonics - 700) / 200) ** 2)
    return (0.1 * gain * np.sin(2 * np.pi * harmonics * time)).sum(axis=0).astype(np.float32)


def pitch_of(signal):
    """Frequency in Hz of the highest peak of the autocorrelation between 2 and 12.5 ms."""
    middle = signal[len(signal) // 4 : -len(signal) // 4]
    power = np.abs(np.fft.rfft(middle, 1 << 17)) ** 2
    correlation = np.fft.irfft(power)
    low = RATE // 500
    return RATE / (low + correlation[low : RATE // 80].argmax())


def test_time_stretch_changes_the_duration_by_the_tempo_and_no_pitch():
    signal = vowel(150)
    for utterance in "ab":
        step = TimeStretch(max_change=0.25)
        tempo = 1.25 ** generator(utterance, step).uniform(-1, 1)
        stretched = degrade(step, signal, utterance)
        assert stretched.dtype == np.float32
        assert len(stretched) == pytest.approx(len(signal) / tempo, abs=1)
        assert pitch_of(stretched) == pytest.approx(150, rel=0.02)


def test_pitch_shift_moves_the_pitch_by_the_semitones_and_keeps_the_duration():
    signal = vowel(150)
    for utterance in "ab":
        step = PitchShift(semitones=3)
        shift = generator(utterance, step).uniform(-3, 3)
        shifted = degrade(step, signal, utterance)
        assert (len(shifted), shifted.dtype) == (len(signal), np.float32)
        semitones = 12 * np.log2(pitch_of(shifted) / 150)
        assert semitones == pytest.approx(shift, abs=0.3)


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (WhiteNoise, {"snr": 10}),
        (AddedNoise, {"sd": 0.01}),
        (Reverberation, {"rt60": 0.3}),
        (SpeedPerturbation, {"max_change": 0.1}),
        (TimeStretch, {"max_change": 0.5}),
        (PitchShift, {"semitones": 0.5}),
    ],
)
def test_copies_and_utterances_differ_and_repeat(make, parameters):
    signal = vowel(200)[:2000]
    first, again, copy = (degrade(make(**parameters, copy=n), signal) for n in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, copy)
    assert not np.array_equal(first, degrade(make(**parameters, copy=1), signal, "b"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpeedPerturbation(max_change=0), "max_change is 0; expected a number above 0"),
        (lambda: TimeStretch(max_change=2), "TimeStretch: max_change is 2; expected a number"),
        (lambda: PitchShift(semitones=30), "semitones is 30; expected a number .* at most 24"),
        (lambda: WhiteNoise(snr="loud"), "snr is 'loud'"),
        (lambda: WhiteNoise(snr=(20, 10)), r"snr is \(20, 10\); expected a number or \(low, h"),
        (lambda: WhiteNoise(snr=(1, 2, 3)), "snr is"),
        (lambda: WhiteNoise(snr=(1.5, 3), integers=True), "expected integers, as integers is True"),
        (lambda: WhiteNoise(snr=3, copy=-1), "copy is -1; expected an integer of at least 0"),
        (lambda: WhiteNoise(snr=3, integers=1), "integers is 1; expected True or False"),
        (lambda: AddedNoise(sd=-1), "AddedNoise: sd is -1; expected a number of at least 0"),
        (lambda: Reverberation(rt60=0), "Reverberation: rt60 is 0"),
        (lambda: Reverberation(rt60=300), "rt60 is 300; .* and of at most 20"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()

"""The synthesiser: what is planned is what is heard."""

import dataclasses
import re

import numpy as np
import pytest
from scipy import signal

from ser_lib.corpora.synthesis import expression, source_filter
from ser_lib.corpora.synthesis.expression import CUES, EMOTIONS, FAMILIES, TRAITS, speaker
from ser_lib.corpora.synthesis.phones import PHONES, SENTENCES, sounds
from ser_lib.corpora.synthesis.prosody import plan
from ser_lib.corpora.synthesis.source_filter import HOP, PEAK, SAMPLE_RATE, Plan, render

FORMANTS = (700.0, 1200.0, 2500.0, 3500.0, 4500.0, 5500.0, 6500.0)


def steady(f0=120.0, seconds=0.8, **changes):
    """Plan a vowel that does not change, in a perfectly regular voice without any noise."""
    frames = round(seconds * SAMPLE_RATE / HOP)
    ones = np.ones(frames)
    contours = {"f0": f0, "voicing": 1, "aspiration": 0, "frication": 0, "frication_hz": 1000}
    contours |= {"frication_width": 1000, "open_quotient": 0.6, "tilt": 6}
    vowel = {name: value * ones for name, value in contours.items()}
    vowel |= {"utterance": "steady", "cues": {}, "phones": (("a", 0),), "entropy": (0,)}
    vowel["formants"] = np.tile(FORMANTS, (frames, 1))
    vowel["bandwidths"] = np.full((frames, len(FORMANTS)), 80.0)
    vowel |= {"jitter": 0.0, "shimmer": 0.0, "creak": 0.0, "level": -25.0, "noise": -120.0}
    return Plan(**(vowel | changes))


def decibel(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=float)))


def in_band(samples, low, high):
    """Measure the level between two frequencies in dB."""
    frequency, power = signal.welch(samples, SAMPLE_RATE, nperseg=min(1024, len(samples)))
    return 10 * np.log10(power[(frequency >= low) & (frequency < high)].sum())


def periods(samples):
    """Measure the distances between the strongest excitations in seconds."""
    lowest, distance = np.max(-samples), SAMPLE_RATE // 400
    peaks, _ = signal.find_peaks(-samples, height=0.6 * lowest, distance=distance)
    return np.diff(peaks) / SAMPLE_RATE


def middle(samples):
    return samples[len(samples) // 4 : 3 * len(samples) // 4]


def test_a_glottal_pulse_opens_slowly_and_closes_abruptly():
    phase = np.linspace(0, 1.5, 1501)
    flow = source_filter.rosenberg_pulse(phase)
    assert flow[0] == 0
    assert phase[flow.argmax()] == pytest.approx(2 / 3, abs=1e-3)
    assert flow.max() == pytest.approx(1, abs=1e-5)
    assert not flow[phase >= 1].any()
    slope = np.diff(flow) / np.diff(phase)
    assert -slope.min() == pytest.approx(1.5 * np.pi, rel=0.01)
    assert slope.max() == pytest.approx(0.75 * np.pi, rel=0.01)


@pytest.mark.parametrize("loss", [0.5, 6.0, 20.0])
def test_tilt_is_the_loss_at_3_kilohertz(loss):
    pole = source_filter.tilt_pole(np.array([loss]))[0]
    assert 0 <= pole < 1
    _, response = signal.freqz([1 - pole], [1, -pole], worN=[0, 3000], fs=SAMPLE_RATE)
    np.testing.assert_allclose(20 * np.log10(np.abs(response)), [0, -loss], atol=1e-6)


def test_all_pole_has_its_poles_where_the_formants_are():
    denominator = source_filter.all_pole(np.array([[500.0, 1500.0]]), np.array([[60.0, 90.0]]))[0]
    poles = np.roots(denominator)
    poles = sorted(poles[poles.imag > 0], key=np.angle)
    np.testing.assert_allclose(np.angle(poles) * SAMPLE_RATE / (2 * np.pi), [500, 1500])
    np.testing.assert_allclose(-np.log(np.abs(poles)) * SAMPLE_RATE / np.pi, [60, 90])


def test_the_vocal_tract_that_stands_still_is_an_ordinary_filter():
    plan_ = steady(tilt=np.full(200, 6.0))
    rng = np.random.default_rng(0)
    pulses, turbulence = rng.standard_normal((2, 200 * HOP))
    found = source_filter.vocal_tract(pulses, turbulence, plan_)
    tract = source_filter.all_pole(plan_.formants[:1], plan_.bandwidths[:1])[0]
    pole = source_filter.tilt_pole(plan_.tilt[:1])[0]
    source = signal.lfilter([1 - pole], [1, -pole], pulses) + turbulence
    np.testing.assert_allclose(found, signal.lfilter([tract.sum()], tract, source), atol=1e-8)


@pytest.mark.parametrize("f0", [90.0, 200.0, 330.0])
def test_the_voice_is_harmonic_at_f0(f0):
    sound = middle(render(steady(f0)))
    frequency, power = signal.periodogram(sound, SAMPLE_RATE, window="hann", nfft=1 << 16)
    off = np.abs(frequency / f0 - np.round(frequency / f0)) * f0
    audible = (frequency > f0 / 2) & (frequency < 4000)
    strongest = frequency[audible][power[audible].argmax()] / f0
    assert strongest == pytest.approx(np.round(strongest), abs=0.02)
    # What lies between the harmonics is at least 40 dB weaker.
    assert power[audible & (off > 20)].sum() < 1e-4 * power[audible].sum()


def test_the_spectrum_peaks_at_the_formants():
    sound = middle(render(steady(60.0)))
    envelope = np.abs(np.fft.rfft(signal.lfilter([1, -0.9], 1, sound) * np.hanning(len(sound))))
    frequency = np.arange(len(envelope)) * SAMPLE_RATE / len(sound)
    for formant in FORMANTS[:3]:
        near = np.abs(frequency - formant) < 200
        assert frequency[near][envelope[near].argmax()] == pytest.approx(formant, abs=45)


def test_jitter_and_creak_make_the_periods_irregular():
    regular = periods(middle(render(steady(100.0))))
    jittered = periods(middle(render(steady(100.0, jitter=0.03))))
    creaky = periods(middle(render(steady(100.0, creak=0.15))))
    assert np.std(regular) / np.mean(regular) < 0.01
    assert 0.015 < np.std(jittered) / np.mean(jittered) < 0.06
    assert np.mean(jittered) == pytest.approx(0.01, rel=0.02)
    # Long and short take turns.
    assert np.all(np.diff(np.sign(creaky - 0.01)) != 0)


def test_shimmer_makes_the_pulses_unequal():
    def unequal(shimmer):
        regular = steady(100.0, shimmer=shimmer)
        _, pulses = source_filter.glottal_pulses(regular, np.random.default_rng(0))
        # Each period of 160 samples has one closure, which is its lowest point.
        closures = pulses[: len(pulses) // 160 * 160].reshape(-1, 160).min(axis=1)[2:-2]
        return np.std(closures) / -np.mean(closures)

    assert unequal(0.0) < 0.01
    assert unequal(0.1) == pytest.approx(0.1, abs=0.03)


def test_tilt_makes_the_voice_dull_and_breath_fills_the_treble_with_noise():
    modal = steady()
    ones = np.ones_like(modal.f0)
    dull = dataclasses.replace(modal, tilt=18 * ones)
    breathy = dataclasses.replace(dull, aspiration=0.1 * ones)
    treble = [in_band(render(p), 3000, 8000) - in_band(render(p), 50, 1000) for p in (modal, dull)]
    assert treble[0] - treble[1] > 8
    assert in_band(render(breathy), 4000, 8000) > in_band(render(dull), 4000, 8000) + 6


def test_frication_is_noise_around_its_centre():
    plan_ = steady(seconds=1.0)
    voiced = np.arange(len(plan_.f0)) < 125
    plan_ = dataclasses.replace(
        plan_,
        voicing=voiced.astype(float),
        frication=0.3 * ~voiced,
        frication_hz=np.full(len(voiced), 5000.0),
        frication_width=np.full(len(voiced), 1000.0),
    )
    noise = render(plan_)[130 * HOP :]
    frequency, power = signal.welch(noise, SAMPLE_RATE, nperseg=512)
    assert (frequency * power).sum() / power.sum() == pytest.approx(5000, abs=600)
    assert in_band(noise, 4000, 6000) > in_band(noise, 0, 2000) + 15


def test_level_is_that_of_the_voiced_frames_and_nothing_is_clipped():
    assert decibel(render(steady(level=-30.0))) == pytest.approx(-30, abs=0.05)
    assert np.abs(render(steady(level=10.0))).max() == pytest.approx(PEAK)


def test_a_plan_sounds_the_same_whenever_it_is_rendered():
    who = speaker(3)
    first, again = (render(plan(who, "fear", 2, 1)) for _ in range(2))
    assert first.dtype == np.float32
    assert first.tobytes() == again.tobytes()
    others = [plan(who, "fear", 2, 2), plan(who, "fear", 2, 1, seed=1), plan(who, "anger", 2, 1)]
    assert all(render(other).tobytes() != first.tobytes() for other in others)


def test_an_utterance_begins_and_ends_in_room_noise_and_has_unvoiced_sounds():
    plan_ = plan(speaker(2), "neutral", 1, 1)
    sound = render(plan_)
    assert len(sound) == len(plan_.f0) * HOP
    edge = int(0.08 * SAMPLE_RATE)
    for silence in (sound[:edge], sound[-edge:]):
        assert decibel(silence) == pytest.approx(plan_.noise, abs=2)
    bounds = dict(zip([n for n, _ in plan_.phones], plan_.phones, strict=True))
    start = bounds["s"][1]
    stop = next(frame for _, frame in plan_.phones if frame > start)
    hiss = sound[(start + 4) * HOP : (stop - 4) * HOP]
    assert in_band(hiss, 4000, 8000) > in_band(hiss, 0, 2000) + 10


def test_the_melody_declines_and_rises_on_stressed_syllables():
    who = speaker(1)
    melodies = [plan(who, "neutral", 1, take) for take in range(1, 9)]
    halves = [np.array_split(12 * np.log2(m.f0), 2) for m in melodies]
    assert np.mean([a.mean() - b.mean() for a, b in halves]) > 1
    # "'ma-lu": the first vowel is stressed, the second is not.
    vowels = [[f for n, f in m.phones if n in "au"][:2] for m in melodies]
    pairs = zip(melodies, vowels, strict=True)
    assert np.mean([12 * np.log2(m.f0[a + 10] / m.f0[b + 10]) for m, (a, b) in pairs]) > 1


def mean_cue(emotion, name, speakers=10):
    who = [speaker(n) for n in range(1, speakers + 1)]
    sentences = range(1, len(SENTENCES) + 1)
    return np.mean([expression.cues(w, emotion, s, 1)[name] for w in who for s in sentences])


@pytest.mark.parametrize(
    ("emotion", "higher", "lower"),
    [
        ("anger", ("pitch", "range", "loudness", "rate"), ("tilt", "open_quotient")),
        ("boredom", ("stretch",), ("pitch", "range", "rate")),
        ("disgust", ("range", "creak"), ("pitch", "rate", "loudness", "ending")),
        ("fear", ("pitch", "range", "rate", "tremor", "jitter"), ()),
        ("happiness", ("pitch", "range", "loudness", "rate"), ("jitter",)),
        ("sadness", ("tilt", "breath"), ("pitch", "range", "loudness", "rate", "precision")),
    ],
)
def test_cues_move_where_the_literature_says(emotion, higher, lower):
    for name in higher:
        assert mean_cue(emotion, name) > mean_cue("neutral", name), name
    for name in lower:
        assert mean_cue(emotion, name) < mean_cue("neutral", name), name


def test_every_effect_acts_on_a_cue_and_names_a_source():
    for effects in EMOTIONS.values():
        assert set(effects) <= set(CUES)
        for effect in effects.values():
            assert re.match(r"((MA|BS|BU|JL)( (MA|BS|BU|JL))*: \w|ours$)", effect.source)
    assert {cue.family for cue in CUES.values()} == set(FAMILIES)


def test_cues_say_what_is_in_the_sound():
    who = speaker(2)
    for emotion in ("anger", "sadness"):
        plan_ = plan(who, emotion, 1, 1)
        melody = 12 * np.log2(plan_.f0 / 100)
        assert melody.mean() == pytest.approx(plan_.cues["pitch"], abs=3)
        voiced = np.repeat(plan_.voicing > 0.2, HOP)
        assert decibel(render(plan_)[voiced]) == pytest.approx(plan_.cues["loudness"], abs=0.2)
    spoken = [
        np.mean([len(plan(who, emotion, s, 1).f0) for s in range(1, 5)])
        for emotion in ("disgust", "neutral", "fear")
    ]
    assert spoken == sorted(spoken, reverse=True)


def test_a_cast_is_varied_and_does_not_depend_on_its_size():
    cast = [speaker(n) for n in range(1, 11)]
    assert [who.name for who in cast[:3]] == ["f01", "m02", "f03"]
    for sex, pitches in (("female", (150, 260)), ("male", (80, 145))):
        group = [who for who in cast if who.sex == sex]
        assert len(group) == 5
        for who in group:
            assert pitches[0] < 100 * 2 ** (who.own["pitch"] / 12) < pitches[1]
        low, high = TRAITS["expressiveness"]
        fifths = [int((who.expressiveness - low) / (high - low) * 5) for who in group]
        assert sorted(fifths) == [0, 1, 2, 3, 4]
    assert speaker(4) == cast[3]
    assert speaker(4, seed=1) != cast[3]


def test_sentences_share_their_vowels_and_use_known_sounds():
    read = [sounds(sentence) for sentence in SENTENCES]
    vowels = {"".join(sorted(s.name for s in line if s.name in "aeiou")) for line in read}
    assert vowels == {"aaeiiou"}
    used = {sound.name for line in read for sound in line}
    assert used == {"_", *PHONES}
    assert all(sum(sound.name == "_" for sound in line) == 1 for line in read)

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from plots.gallery import predictions, sine
from ser_lib import features, plots
from ser_lib.errors import InputError
from ser_lib.signal import PreEmphasis

ROWS = pd.DataFrame(
    [
        # utterance, fold, seed, emotion, predicted, posterior of anger
        ("a", "f1", 0, "anger", "anger", 0.9),
        ("b", "f1", 0, "anger", "anger", 0.6),
        ("c", "f1", 0, "fear", "anger", 0.7),
        ("d", "f1", 0, "anger", "fear", 0.2),
        ("e", "f2", 0, "fear", "fear", 0.01),
        ("f", "f2", 1, "fear", "anger", 0.55),
    ],
    columns=["utterance", "fold", "seed", "emotion", "predicted", "p_anger"],
).assign(p_fear=lambda rows: 1 - rows["p_anger"])


def chosen(rows=ROWS, **options):
    return [row["utterance"] for row in plots.choose_examples(rows, **options)]


def test_the_surest_right_and_the_surest_wrong_prediction_are_chosen():
    # d is sure of a wrong emotion by 0.8, c by 0.7.
    assert chosen() == ["e", "d"]
    assert chosen(fold="f1") == ["a", "d"]
    assert chosen(fold="f2", seed=1) == ["f", "f"]


def test_without_mistakes_the_least_sure_prediction_is_the_worst():
    right = ROWS[ROWS["emotion"] == ROWS["predicted"]]
    assert chosen(right) == ["e", "b"]
    wrong = ROWS[ROWS["emotion"] != ROWS["predicted"]]
    assert chosen(wrong) == ["f", "d"]


def test_development_rows_are_not_chosen():
    best = ROWS.iloc[[0]].assign(part="dev", utterance="dev")
    assert "dev" not in chosen(pd.concat([best, ROWS.iloc[1:].assign(part="test")]))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (ROWS, {"fold": "f3"}, "unknown fold of these predictions 'f3'"),
        (ROWS, {"seed": 7}, "unknown seed of these predictions"),
        (ROWS.drop(columns="p_fear"), {}, "posteriors of anger; expected a column p_<emotion>"),
        (predictions().iloc[:0], {}, "nothing to draw"),
    ],
)
def test_examples_that_there_are_not_are_refused(rows, options, message):
    with pytest.raises(InputError, match=message):
        plots.choose_examples(rows, **options)


MEL = features.LogMel(n_mels=20, n_fft=512)


def front_end(analysis=MEL, **options):
    return features.FrontEnd(preprocessing=(PreEmphasis(),), analysis=analysis, **options)


@pytest.mark.parametrize(
    ("analysis", "channels"),
    [
        (MEL, ("level",)),
        (
            features.WithDeltas(analysis=MEL),
            ("level", "first derivative", "second derivative"),
        ),
    ],
)
def test_the_spectrogram_of_a_front_end_is_whole_whatever_it_is_cut_into(analysis, channels):
    windows = front_end(analysis, segmentation=features.Windows(length=10), dtype="float16")
    spectrogram = plots.compute_spectrogram(windows, sine())
    assert spectrogram.values.shape == (51, 20, len(channels))
    assert spectrogram.channels == channels
    assert (spectrogram.hop, spectrogram.unit) == (0.01, "dB")
    np.testing.assert_array_equal(spectrogram.frequencies, MEL.frequencies(16000))
    frames = front_end(analysis)(sine()).reshape(51, 20, -1)
    np.testing.assert_array_equal(spectrogram.values, frames)
    # Its fields are the arguments of the figure.
    assert plots.spectrogram_channels(**spectrogram._asdict())


def test_the_unit_is_that_of_the_compression():
    analysis = features.LogMel(n_mels=20, n_fft=512, compression="log1p")
    assert plots.compute_spectrogram(front_end(analysis), sine()).unit == "ln(1 + 10⁶ power)"


def test_a_system_without_a_spectrogram_is_shown_over_a_log_mel_spectrogram():
    spectrogram = plots.compute_spectrogram(front_end(features.Descriptors()), sine())
    assert spectrogram.values.shape == (51, 64, 1)


@pytest.fixture
def corpus(tmp_path):
    soundfile.write(tmp_path / "u1.wav", sine(), 16000)
    table = pd.DataFrame({"path": [tmp_path / "u1.wav"]}, index=["u1"])
    return SimpleNamespace(name="tiny", table=table)


class Classifier:
    """Attends to the last item."""

    def __init__(self, pool=None):
        self.pool = pool

    def attention(self, X):
        (items,) = X
        if self.pool:
            return [np.stack([np.eye(5)[i % 5] for i in range(len(items))])]
        return [np.eye(len(items))[-1]]


def test_an_example_holds_the_spectrogram_and_the_attention_to_an_utterance(corpus):
    prediction = {"utterance": "u1", "emotion": "fear"}
    example = plots.make_example(prediction, corpus, front_end(), Classifier())
    assert example.levels.shape == (51, 20)
    assert example.weights.argmax() == 50
    assert example.prediction is prediction
    assert plots.attention_over_time(example, seconds_per_step=example.hop)


def test_where_segments_are_classified_by_themselves_the_first_one_is_shown(corpus):
    segmented = front_end(segmentation=features.Windows(length=25))
    example = plots.make_example({"utterance": "u1"}, corpus, segmented, Classifier(pool="mean"))
    assert example.levels.shape == (25, 20)
    assert example.weights.tolist() == [1, 0, 0, 0, 0]


def test_an_utterance_that_the_corpus_lacks_is_refused(corpus):
    with pytest.raises(InputError, match="unknown utterance of tiny 'u2'; did you mean 'u1'"):
        plots.make_example({"utterance": "u2"}, corpus, front_end(), Classifier())

"""The 3-D convolutional recurrent network: layers, masks, attention, segments, what is promised."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from as_trained import as_if_trained, disturb
from sklearn.base import clone
from test_sequence_systems import ON_JAX, ROOT, features, noise

from ser_lib import evaluate, load_corpus, systems
from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.batching import assemble
from ser_lib.systems.acrnn_3d import CANDIDATES, RECIPES, Acrnn3d, acrnn_3d

SMALL = {
    "epochs": 1, "batch_size": 8, "copies": 0, "convolutions": 2, "filters": (4, 6), "linear": 8,
    "units": 5,
}  # fmt: skip
# Whole recordings and segments of ours, and the source's overlapping segments.
WAYS = {
    "whole": {},
    "segments": {"segment": 50},
    "source": {"setting": "source", "segment": 60, "segment_hop": 20},
}


@pytest.mark.parametrize(
    ("convolutions", "classes", "learnt"), [(6, 4, 7_334_726), (5, 7, 6_351_625)]
)
def test_the_source_has_its_parameters(convolutions, classes, learnt):
    system = acrnn_3d(convolutions=convolutions, setting="source")
    model = system.classifier(0).network.build((300, 40, 3), classes)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == learnt
    # Keras counts the running mean and variance of the 768 linear units, too.
    assert model.count_params() == learnt + 2 * 768
    assert model.get_layer("attention").output[1].shape == (None, 150)


@pytest.mark.parametrize("convolutions", [1, 2, 7])
def test_any_number_of_convolutions_that_the_paper_tried_can_be_had(convolutions):
    model = Acrnn3d(convolutions=convolutions, filters=(2, 3), linear=4, units=2).build((120,), 4)
    shapes = [w.shape for w in model.weights if len(w.shape) == 4]
    assert shapes == [(5, 3, 3, 2), (5, 3, 2, 3), *[(5, 3, 3, 3)] * 5][:convolutions]


def test_the_source_trains_as_it_did():
    system = acrnn_3d(setting="source")
    training = system.classifier(3).get_params()
    expected = {
        "epochs": 250, "batch_size": 60, "optimizer": "adam", "learning_rate": 1e-5,
        "weight_decay": 0.0, "schedule": "constant", "balance": "oversampling", "mixup": 0.0,
        "spec_augment": None, "scale": True, "pool": "max", "seed": 3,
        "network": Acrnn3d(
            convolutions=6, filters=(128, 256), linear=768, units=128, segments=True, sigmoid=True,
            initial_sd=0.1,
        ),
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected


def test_its_weights_begin_as_the_authors_code_begins_them():
    model = Acrnn3d(convolutions=1, filters=(64, 8), linear=8, units=4, initial_sd=0.1).build(
        (120,), 4
    )
    kernel, bias = (w.numpy() for w in model.weights[:2])
    # A normal distribution cut off at two deviations, which leaves 0.88 of its width.
    assert kernel.std() == pytest.approx(0.088, rel=0.1)
    assert np.abs(kernel).max() <= 0.2
    np.testing.assert_array_equal(bias, np.float32(0.1))


@pytest.mark.parametrize(
    ("seconds", "starts"), [(0.05, [0]), (3.0, [0, 100]), (4.5, [0, 100, 200])]
)
def test_the_source_cuts_overlapping_segments_whose_padding_is_silence(seconds, starts):
    signal = noise(seconds)
    segments = acrnn_3d(setting="source").front_end(signal, "u")
    assert segments.shape == (len(starts), 300, 40, 3)
    whole = acrnn_3d(hop=0.010).front_end(signal, "u").reshape(-1, 40, 3)
    assert len(whole) == 1 + len(signal) // 160
    for segment, start in zip(segments, starts, strict=True):
        part = whole[start : start + 300]
        np.testing.assert_array_equal(segment[: len(part)], part)
        assert (segment[len(part) :, :, 0] == whole[..., 0].min()).all()
        # Where there is silence nothing changes.
        assert not segment[len(part) :, :, 1:].any()


def test_channels_are_the_level_and_its_first_and_second_derivative():
    rising = np.linspace(0, 0.5, 16000) * np.sin(np.arange(16000) / 3)
    level, first, second = np.moveaxis(
        acrnn_3d().front_end(rising, "u").astype(float).reshape(-1, 40, 3), 2, 0
    )
    inside = slice(4, -4)
    slope = sum(n * (np.roll(level, -n, 0) - np.roll(level, n, 0)) for n in (1, 2)) / 10
    np.testing.assert_allclose(first[inside], slope[inside], atol=0.05)
    slope = sum(n * (np.roll(first, -n, 0) - np.roll(first, n, 0)) for n in (1, 2)) / 10
    np.testing.assert_allclose(second[inside], slope[inside], atol=0.05)
    # It gets louder all the time.
    band = level.mean(axis=0).argmax()
    assert (first[inside, band] > 0).all()


@pytest.fixture(scope="module")
def trained():
    """The system read in each way, and a classifier as if trained."""
    result = {}
    for way, options in WAYS.items():
        system = acrnn_3d(**SMALL | options)
        X = features(system, 0.3, 1.5, 0.4)
        result[way] = system, as_if_trained(system.classifier(0), X)
    return result


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seconds", [0.05, 1.23, 120])
def test_recordings_from_a_twentieth_of_a_second_to_two_minutes_work(way, seconds, trained):
    system, classifier = trained[way]
    row = features(system, seconds)
    assert np.isfinite(row.values).all()
    posteriors = classifier.predict_proba(row)
    assert posteriors.shape == (1, 3)
    assert posteriors.sum() == pytest.approx(1)
    (weights,) = classifier.attention(row)
    if classifier.pool:
        # Of every segment by itself; the most sure of them answers.
        assert weights.shape == (row.lengths[0], row.item_shape[0] // 2)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-4)
        best = classifier.segment_posteriors(row)[0].max(axis=0)
        np.testing.assert_allclose(posteriors[0], best / best.sum(), rtol=1e-4)
    else:
        # Of every other frame.
        assert weights.shape == (-(-len(row[0]) // 2),)
        assert weights.sum() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_a_posterior_does_not_depend_on_its_batch(way, trained):
    system, classifier = trained[way]
    # Odd and even numbers of frames, the shortest beside the longest.
    X = features(system, 0.05, 120 if way == "whole" else 5, 0.7, 0.33, 0.31)
    X = X.items() if classifier.pool else X
    alone = np.concatenate([classifier._posteriors(X.take([i])) for i in range(len(X))])
    batch = assemble([X], np.arange(len(X)), scaling=classifier._scaling)
    together = classifier.network_.predict_on_batch(batch._asdict())
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(classifier._posteriors(X), alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 1e-3
    assert alone.max(axis=1).min() < 0.9


@pytest.mark.parametrize("normalised", [True, False])
def test_padding_further_than_need_be_changes_nothing_not_even_what_is_learnt(normalised):
    import keras

    system = acrnn_3d(**SMALL, normalised=normalised, dropout=0.0, block_dropout=0.0)
    X = features(system, 0.15, 0.3, 0.2)
    assert {n % 2 for n in X.lengths} == {0, 1}
    batch, answers, learnt = assemble([X], np.arange(3)), [], []
    real = X.values.astype("float32")
    values = (batch.values - real.mean()) / real.std() * batch.mask[..., None]
    for padding in (0, 9):
        model = system.classifier(0).network.build(X.item_shape, 3)
        disturb(model)
        around = ((0, 0), (0, padding))
        padded = {
            "values": np.pad(values, (*around, (0, 0))).astype("float32"),
            "mask": np.pad(batch.mask, around),
        }
        answers.append(model(padded).numpy())
        model.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", run_eagerly=True
        )
        model.train_on_batch(padded, np.array([0, 1, 2]))
        learnt.append({w.path: w.numpy() for w in model.weights})
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-5)
    for (path, alone), padded in zip(learnt[0].items(), learnt[1].values(), strict=True):
        np.testing.assert_allclose(padded, alone, rtol=1e-3, atol=1e-5, err_msg=path)


@pytest.mark.parametrize("sigmoid", [True, False])
def test_scores_are_linear_or_bounded_by_a_sigmoid(sigmoid):
    import keras

    model = Acrnn3d(
        convolutions=1, filters=(4, 4), linear=6, units=4, sigmoid=sigmoid, segments=True
    ).build((40, 40, 3), 4)
    disturb(model)
    values = np.random.default_rng(0).normal(size=(1, 1, 40, 40, 3)).astype("float32")
    attention = model.get_layer("attention")
    steps, scores, _ = attention.input
    reader = keras.Model(model.inputs, [steps, scores, *attention.output])
    found = reader({"values": values, "mask": np.ones((1, 1), bool)})
    steps, scores, pooled, weights = (np.asarray(x, float)[0] for x in found)
    kernels = [layer.get_weights() for layer in model.layers if _is_scorer(layer)]
    if sigmoid:
        (inner, bias), (outer,) = kernels
        expected = 1 / (1 + np.exp(-(steps @ inner + bias))) @ outer
        assert np.ptp(scores) < abs(outer.item())
    else:
        expected = steps @ kernels[0][0]
    np.testing.assert_allclose(scores, expected[:, 0], rtol=1e-3, atol=1e-5)
    expected = np.exp(scores - scores.max())
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-4)
    np.testing.assert_allclose(pooled, weights @ steps, rtol=1e-3, atol=1e-5)


def _is_scorer(layer):
    return type(layer).__name__ == "Dense" and layer.kernel.shape[1] == 1


def test_saved_models_are_loaded_in_safe_mode_and_say_the_same_also_under_jax(trained, tmp_path):
    import keras

    expected = {}
    for way in ("whole", "source"):
        (system, classifier), folder = trained[way], tmp_path / way
        X = features(system, 0.4, 0.4, 0.39, seed=5)
        X.save(folder / "rows")
        classifier.save(folder / "model")
        model = keras.saving.load_model(folder / "model" / "network.keras", safe_mode=True)
        assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
        loaded = NeuralClassifier.load(folder / "model")
        assert loaded.get_params() == classifier.get_params()
        expected[way] = classifier.predict_proba(X)
        np.testing.assert_array_equal(loaded.predict_proba(X), expected[way])
    # Also what a reader wants to see, and to use elsewhere.
    np.testing.assert_array_equal(loaded.attention(X)[1], classifier.attention(X)[1])
    np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))
    assert loaded.embed(X).shape == (3, 64)
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    # JAX compiles for seconds: the way with most layers stands for all.
    file, environment = tmp_path / "answer.json", {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ON_JAX, str(file), str(tmp_path / "whole")]
    subprocess.run(command, check=True, env=os.environ | environment)
    answer = json.loads(file.read_text())
    assert answer["backend"] == "jax"
    np.testing.assert_allclose(answer["whole"], expected["whole"], atol=1e-4)


def test_options_of_training_train_together():
    options = {"balance": "weights", "mixup": 0.3, "spec_augment": True, "copies": 1}
    system = acrnn_3d(**SMALL | options)
    classifier = system.classifier(7)
    assert classifier.spec_augment == SpecAugment()
    segments = acrnn_3d(segment=50, spec_augment=True).classifier(0)
    assert segments.spec_augment == SpecAugment(within=True)
    assert acrnn_3d(spec_augment=False).classifier(0).spec_augment is None
    assert clone(classifier).get_params() == classifier.get_params()
    X = features(system, 0.2, 0.3, 0.25)
    (noisy,) = system.training_copies
    copy = RaggedArray.from_list([noisy(noise(s, i), "u") for i, s in enumerate((0.2, 0.3, 0.25))])
    assert (copy.lengths == X.lengths).all()
    classifier.fit(X, ["anger", "anger", "sadness"], copies=[copy])
    assert np.isfinite(classifier.history_[0]["loss"])


def test_at_least_six_recipes_were_candidates_and_all_can_be_made():
    assert len(CANDIDATES) >= 6
    assert RECIPES["ours"].keys() == RECIPES["source"].keys()
    recipes = {json.dumps(acrnn_3d(**some).parameters) for some in CANDIDATES.values()}
    assert len(recipes) == len(CANDIDATES)
    assert CANDIDATES["default"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convolutions": 8}, "convolutions is 8; expected 1 to 7"),
        ({"convolutions": 0}, "convolutions is 0; expected a whole number of at least 1"),
        ({"filters": (128,)}, r"filters is \(128,\); expected two numbers"),
        ({"hop": 0.03}, "hop is 0.03; expected 0.001 to 0.025 s"),
        ({"segment_hop": 10}, "segment_hop is 10 without segments; expected 0"),
        ({"segment": 50, "segment_hop": 60}, "hop is 60; expected at most the length, 50 frames"),
        ({"sigmoid": "yes"}, "sigmoid is 'yes'; expected True or False"),
        ({"dropout": 1}, "dropout is 1; expected a number of at least 0 and of at most"),
        ({"copies": -1}, "copies is -1; expected a whole number of at least 0"),
        ({"setting": "our"}, "unknown setting 'our'; did you mean 'ours'"),
        ({"epoch": 3}, "unknown parameter of acrnn_3d 'epoch'; did you mean 'epochs'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest_name(options, message):
    with pytest.raises(InputError, match=message):
        systems.make("acrnn_3d", **options)


def test_the_sources_protocol_is_one_command_and_the_published_figures_are_quoted():
    corpus = load_corpus("synthetic", speakers=3, takes=1).select(emotion=["anger", "sadness"])
    system = acrnn_3d(**SMALL | WAYS["source"])
    evaluation = evaluate(system, corpus, protocol="leave_one_speaker_out", folds=1)
    assert evaluation.record["protocol"] == "leave_one_speaker_out"
    assert len(evaluation.rows()) == 8
    assert 0 <= evaluation.scores()["uar"] <= 1
    figures = [(f.corpus, f.metric, f.value, f.classes) for f in system.published]
    assert figures == [("emodb", "uar", 0.8282, 7), ("iemocap", "uar", 0.6474, 4)]


def test_the_sources_short_name_is_understood():
    assert systems.make("3d_acrnn", epochs=3).parameters["epochs"] == 3
    assert systems.find("3d_acrnn") is systems.acrnn_3d
    with pytest.raises(InputError, match="unknown system '3d_acrn'"):
        systems.find("3d_acrn")

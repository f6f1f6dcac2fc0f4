"""The DCNN with BLSTM and attention: frozen, fine-tuned, from nothing, and as its source is."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from as_trained import as_if_trained, disturb
from sklearn.base import clone

from ser_lib import evaluate, load_corpus, systems
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.batching import assemble
from ser_lib.neural.segment_features import SegmentFeatures
from ser_lib.systems.dcnn_blstm_attention import DcnnBlstmAttention, dcnn_blstm_attention

ROOT = Path(__file__).resolve().parents[2]
# What learns, under both settings; small segments and few modules, for speed.
KINDS = {
    "nothing": {},
    "frozen": {"train": "head"},
    "fine-tuned": {"train": "all"},
    "source": {"setting": "source", "epochs": 1, "batch_size": 8},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of the published layout, of made-up weights."""
    import keras

    from ser_lib.neural.squeezenet import squeezenet_convolutions

    pictures = keras.Input((31, 31, 3))
    model = keras.Model(pictures, squeezenet_convolutions(pictures))
    disturb(model)
    path = tmp_path_factory.mktemp("weights") / "squeezenet.h5"
    with h5py.File(path, "w") as file:
        for layer in model.layers:
            if layer.weights:
                group = file.create_group(layer.name.replace("_", "/"))
                group.attrs["weight_names"] = np.array(["kernel", "bias"], "S")
                for name, array in zip(("kernel", "bias"), layer.get_weights(), strict=True):
                    group[name] = array
    return path


@pytest.fixture(scope="module")
def make(weights):
    def make(kind, **options):
        given = {"backbone": "squeezenet", "modules": 3, "resize": 33, "units": 8, "copies": 0}
        given |= KINDS[kind]
        if kind in ("frozen", "fine-tuned"):
            given["weights"] = weights
        return dcnn_blstm_attention(**given | options)

    return make


def noise(seconds, seed=0, rate=16000):
    """Noise that swells and fades, so that neither spectrum nor level is the same throughout."""
    rng = np.random.default_rng(seed)
    n = int(rate * seconds)
    level = 0.1 + 0.09 * np.sin(np.arange(n) / 3000 + seed)
    return (level * rng.normal(size=n)).clip(-1, 1).astype("float32")


def features(system, *durations, seed=0):
    rate = system.front_end.sample_rate
    signals = [noise(seconds, seed + i, rate) for i, seconds in enumerate(durations)]
    return RaggedArray.from_list([system.front_end(signal, "u") for signal in signals])


@pytest.fixture(scope="module")
def trained(make):
    """A classifier of each kind, as if trained."""
    result = {}
    for kind in KINDS:
        system = make(kind)
        X = features(system, 0.9, 1.8, 1.3, 0.5)
        result[kind] = system, as_if_trained(system.classifier(0), X)
    return result


def test_the_source_has_its_segments_and_its_parameters():
    system = dcnn_blstm_attention(setting="source")
    assert system.front_end(noise(3, rate=22050), "u").shape == (8, 64, 64, 3)
    classifier = system.classifier(5)
    training = classifier.get_params()
    expected = {
        "epochs": 30, "batch_size": 32, "learning_rate": 1e-4, "monitor": "loss", "patience": 5,
        "scale": False, "seed": 5,
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected
    model = classifier.network.build((64, 64, 3), 8)
    assert model.count_params() == 25_910_281
    names = [layer.name for layer in model.layers]
    head = [layer for layer in model.layers if not layer.name.startswith(("conv", "post_bn"))]
    assert sum(layer.count_params() for layer in head) == 2_345_481
    # It gets logarithms as they are.
    assert not any(name.startswith("rescaling") for name in names)


def test_the_pieces_serve_alone():
    import keras

    front_end = dcnn_blstm_attention().front_end
    for seconds, segments in ((0.05, 1), (0.63, 1), (0.64, 2), (3, 9), (120, 375)):
        found = front_end(noise(seconds))
        assert found.shape == (segments, 64, 64, 3)
        assert np.isfinite(found).all()
    model = DcnnBlstmAttention(backbone="squeezenet").build((64, 64, 3), 7)
    assert isinstance(model, keras.Model)
    assert model.output_shape == (None, 7)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


def test_channels_are_slopes_of_a_log_mel_spectrogram():
    found = dcnn_blstm_attention().front_end(noise(2))
    joined = np.concatenate([found[0], *found[2::2]])[:190].astype(float)
    static, first, second = np.moveaxis(joined, -1, 0)
    # The regression over five frames, by hand, within.
    for of, slope in ((static, first), (first, second)):
        expected = (2 * (of[4:] - of[:-4]) + of[3:-1] - of[1:-3]) / 10
        np.testing.assert_allclose(slope[2:-2], expected, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0.05, 1.23, 120])
def test_recordings_from_a_twentieth_of_a_second_to_two_minutes_work(kind, seconds, trained):
    system, classifier = trained[kind]
    row = features(system, seconds)
    posteriors = classifier.predict_proba(row)
    assert posteriors.shape == (1, 3)
    assert posteriors.sum() == pytest.approx(1)
    (shares,) = classifier.attention(row)
    assert shares.shape == (row.lengths[0],)
    assert shares.sum() == pytest.approx(1, rel=1e-4)
    assert (shares >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_posterior_does_not_depend_on_batch_or_padding(kind, trained):
    system, classifier = trained[kind]
    X = features(system, 0.1, 20, 0.7, 2.3)
    alone = np.concatenate([classifier._posteriors(X.take([i])) for i in range(4)])
    np.testing.assert_allclose(classifier._posteriors(X), alone, atol=1e-5)
    batch = assemble([X], np.arange(4), scaling=classifier._scaling)
    assert len(set(batch.mask.sum(axis=1))) > 1
    for padding in (0, 3):
        around = [(0, 0), (0, padding), *[(0, 0)] * len(X.item_shape)]
        values = np.pad(batch.values, around, constant_values=9)
        together = classifier.network_({"values": values, "mask": np.pad(batch.mask, around[:2])})
        np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 1e-3
    assert alone.max(axis=1).min() < 0.9


@pytest.mark.parametrize("kind", ["nothing", "frozen", "source"])
def test_training_does_not_depend_on_padding(kind, make):
    import keras

    system = make(kind, dropout=0.0, lstm_dropout=0.0)
    X = features(system, 0.9, 1.8)
    batch, results = assemble([X], np.arange(2)), []
    values = batch.values / np.abs(batch.values).max()
    for padding in (0, 3):
        model = system.classifier(0).network.build(X.item_shape, 3)
        disturb(model)
        around = [(0, 0), (0, padding), *[(0, 0)] * len(X.item_shape)]
        padded = {"values": np.pad(values, around), "mask": np.pad(batch.mask, around[:2])}
        model.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", run_eagerly=True
        )
        model.train_on_batch(padded, np.array([0, 1]))
        results.append({w.path: w.numpy() for w in model.weights})
    for (path, alone), padded in zip(results[0].items(), results[1].values(), strict=True):
        np.testing.assert_allclose(padded, alone, rtol=1e-3, atol=1e-5, err_msg=path)


def test_the_attention_of_the_source_is_that_of_keras_averaged(trained):
    import keras

    system, classifier = trained["source"]
    row = features(system, 2.4)
    model = classifier.network_
    (scale,) = model.get_layer("dot_products").get_weights()
    inner = keras.Model(
        model.inputs, [model.get_layer(name).output for name in ("blstm", "attention")]
    )
    real = np.ones((1, row.lengths[0]), bool)
    steps, (pooled, shares) = inner({"values": row[0][np.newaxis], "mask": real})
    steps = np.asarray(steps, np.float64)[0]
    scores = scale * steps @ steps.T
    attended = np.exp(scores - scores.max(axis=1, keepdims=True))
    attended /= attended.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pooled[0], (attended @ steps).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(shares[0], attended.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(classifier.attention(row)[0], shares[0], atol=1e-6)


def test_a_frozen_backbone_is_a_step_of_the_front_end(make, weights):
    system = make("frozen", copies=1, mixup=0.25)
    for front_end in (system.front_end, *system.training_copies):
        assert isinstance(front_end.segmentation, SegmentFeatures)
        assert front_end(noise(1), "u").shape == (3, 256)
    assert system.classifier(0).network.backbone is None
    assert str(weights) not in json.dumps(system.front_end.identity())
    # By the published file's name it is known without the file.
    named = make("frozen", weights="imagenet")
    assert "sha256:17154246" in json.dumps(named.front_end.identity())
    # The head alone learns: what it begins with is no part of it.
    assert system.classifier(0).network.weights is None
    assert make("fine-tuned").classifier(0).network.weights == system.front_end.segmentation.weights


def test_fine_tuning_begins_with_the_file_and_nothing_with_nothing(make, weights):
    with h5py.File(weights) as file:
        expected = np.asarray(file["conv1"]["kernel"])
    tuned = make("fine-tuned").classifier(0).network.build((64, 64, 3), 3)
    np.testing.assert_array_equal(tuned.get_layer("conv1").get_weights()[0], expected)
    assert any(layer.name.startswith("rescaling") for layer in tuned.layers)
    fresh = make("nothing").classifier(0).network.build((64, 64, 3), 3)
    assert np.abs(fresh.get_layer("conv1").get_weights()[0] - expected).max() > 0.1
    assert not any(layer.name.startswith("rescaling") for layer in fresh.layers)


def test_what_depends_on_what_learns_is_filled_in_unless_it_is_given(weights):
    found = {
        name: dcnn_blstm_attention(**options).parameters
        for name, options in {
            "nothing": {},
            "fine-tuned": {"weights": str(weights)},
            "frozen": {"weights": weights, "train": "head"},
            "given": {"weights": weights, "resize": 40, "learning_rate": 0.002},
        }.items()
    }
    chosen = {n: (p["train"], p["resize"], p["learning_rate"]) for n, p in found.items()}
    assert chosen == {
        "nothing": ("all", 64, 1e-3),
        "fine-tuned": ("all", 64, 3e-4),
        "frozen": ("head", 128, 1e-3),
        "given": ("all", 40, 0.002),
    }
    assert dcnn_blstm_attention(backbone="alexnet").parameters["resize"] == 227


@pytest.mark.parametrize("kind", KINDS)
def test_the_classifier_is_described_by_the_arguments(kind, make):
    system = make(kind, epochs=3, mixup=0.25, balance="weights", spec_augment=True)
    classifier = system.classifier(7)
    assert clone(classifier).get_params() == classifier.get_params()
    assert (classifier.epochs, classifier.mixup, classifier.seed) == (3, 0.25, 7)
    assert classifier.balance == "weights"
    assert classifier.spec_augment == SpecAugment(within=kind != "frozen")


@pytest.mark.parametrize("kind", ["nothing", "frozen"])
def test_options_of_training_train_together(kind, make):
    system = make(kind, epochs=1, balance="oversampling", mixup=0.3, spec_augment=True, copies=1)
    X = features(system, 0.9, 1.8, 1.3)
    (noisy,) = system.training_copies
    copy = RaggedArray.from_list([noisy(noise(s, i), "u") for i, s in enumerate((0.9, 1.8, 1.3))])
    assert np.abs(copy.values - X.values).max() > 1e-3
    classifier = system.classifier(0).fit(X, ["anger", "anger", "sadness"], copies=[copy])
    assert np.isfinite(classifier.history_[0]["loss"])


ON_JAX = """
import json, sys
from pathlib import Path
import keras
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier

answer = {"backend": keras.backend.backend()}
for folder in map(Path, sys.argv[2:]):
    classifier = NeuralClassifier.load(folder / "model")
    answer[folder.name] = classifier.predict_proba(RaggedArray.load(folder / "rows")).tolist()
json.dump(answer, open(sys.argv[1], "w"))
"""


def test_saved_networks_give_the_same_posteriors_under_jax(trained, tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    expected = {}
    for kind, (system, classifier) in trained.items():
        folder = tmp_path / kind
        rows = features(system, 0.9, 0.9, 0.8, seed=5)
        rows.save(folder / "rows")
        classifier.save(folder / "model")
        expected[kind] = classifier.predict_proba(rows)
    file = tmp_path / "answer.json"
    arguments = [str(file), *(str(tmp_path / kind) for kind in expected)]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", ON_JAX, *arguments], check=True, env=environment)
    answer = json.loads(file.read_text())
    assert answer.pop("backend") == "jax"
    for kind, posteriors in answer.items():
        np.testing.assert_allclose(posteriors, expected[kind], atol=1e-4, err_msg=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_is_loaded_in_safe_mode_and_says_the_same(kind, trained, tmp_path):
    import keras

    system, classifier = trained[kind]
    classifier.save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    keras.saving.load_model(tmp_path / "model" / "network.keras", safe_mode=True)
    assert loaded.get_params() == classifier.get_params()
    assert "squeezenet.h5" not in (tmp_path / "model" / "classifier.json").read_text()
    X = features(system, 0.9, 1.8, seed=9)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    for found, expected in zip(loaded.attention(X), classifier.attention(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))


def test_at_least_six_recipes_were_candidates_and_all_can_be_made_without_a_connection():
    module = importlib.import_module("ser_lib.systems.dcnn_blstm_attention")
    assert len(module.CANDIDATES) >= 6
    assert module.CANDIDATES["default"] == {}
    assert module.RECIPES["ours"].keys() == module.RECIPES["source"].keys()
    made = [systems.make("dcnn_blstm_attention", **given) for given in module.CANDIDATES.values()]
    recipes = [json.dumps(system.parameters, sort_keys=True, default=str) for system in made]
    assert len(set(recipes)) == len(recipes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": "head"}, "train is 'head' and weights is None; expected weights"),
        ({"train": "heads"}, "unknown train 'heads'; did you mean 'head'"),
        ({"weights": "imagenett"}, "weights is 'imagenett'; expected None, 'imagenet', or a file"),
        ({"backbone": "resnet50"}, "unknown backbone 'resnet50'; did you mean 'resnet50v2'"),
        ({"backbone": "alexnet", "resize": 64}, "expected sides of 223 to 254"),
        ({"backbone": "alexnet", "modules": 5}, "modules is 5 for alexnet"),
        ({"setting": "our"}, "unknown setting 'our'; did you mean 'ours'"),
        ({"dropout": 1}, "dropout is 1; expected a number of at least 0 and of at most"),
        ({"copies": -1}, "copies is -1; expected a whole number of at least 0"),
        ({"epoch": 3}, "unknown parameter of dcnn_blstm_attention 'epoch'; did you mean 'epochs'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest_name(options, message):
    with pytest.raises(InputError, match=message):
        systems.make("dcnn_blstm_attention", **options)


def test_segments_without_three_channels_are_refused():
    network = DcnnBlstmAttention(backbone="squeezenet")
    with pytest.raises(InputError, match=r"shape \(64, 64\); expected \(frames, bands, 3\)"):
        network.build((64, 64), 3)


def test_the_sources_protocol_is_one_command_and_the_published_figures_are_quoted(make):
    corpus = load_corpus("synthetic", speakers=2, takes=1).select(emotion=["anger", "sadness"])
    with pytest.warns(InputWarning, match="resampled to 22050 Hz"):
        evaluation = evaluate(make("source"), corpus, protocol="random_90_10", folds=1)
    assert evaluation.record["protocol"] == "random_90_10"
    assert len(evaluation.rows())
    figures = [(f.corpus, f.metric, f.value, f.speaker_disjoint) for f in make("source").published]
    assert figures == [("emodb", "uar", 0.8786, None), ("iemocap", "uar", 0.685, None)]
    assert all("is not said" in figure.remark for figure in make("source").published)

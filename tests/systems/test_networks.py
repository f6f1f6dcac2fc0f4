"""What the networks of all systems share: inputs and outputs, masks, attention, files, backends."""

import dataclasses

import numpy as np
import pytest
from jax_process import run_under_jax
from small_systems import CASES, NO_DROPOUT, batch_of, features, make, network_of, noise

from ser_lib import evaluate, load_corpus, systems
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier

# Those that differ in their layers or in how recordings are read; and those that read them whole.
KINDS = [c for c in CASES if c not in ("acrnn_3d, segments", "dcnn_blstm_attention, fine-tuned")]
WHOLE = [c for c in KINDS if c == "blstm_attention, as published" or "published" not in c]
WHOLE.remove("alexnet")
NORMALISED = ("cnn_lstm", "crnn_attention", "fcn_attention", "acrnn_3d")
every_kind = pytest.mark.parametrize("case", KINDS)
slow = pytest.mark.slow


def reader(network):
    """Return a network that gives posteriors and, where it has attention, its weights."""
    import keras

    names = [layer.name for layer in network.layers]
    outputs = [network.output]
    if "attention" in names:
        outputs.append(network.get_layer("attention").output[1])
    return keras.Model(network.inputs, outputs)


def rows_for(case, system):
    """Features as the network reads them: where it reads segments, each is a row of its own."""
    if system.segmented:
        return features(system, 0.3, 1.1).items()
    # Single frames are many.
    windows = features(system, 0.05).item_shape[1:] or "frozen" in case
    return features(system, *((0.3, 3.4, 0.74) if windows else (0.1, 0.35, 0.26)))


@pytest.mark.parametrize("case", [c for c in KINDS if c.startswith(NORMALISED)])
def test_the_momentum_of_moving_statistics_is_that_of_every_layer(case):
    system = dataclasses.replace(make(case), norm_momentum=0.7)
    network = network_of(system, rows_for(case, system).item_shape)
    momenta = {v.momentum for v in network._flatten_layers() if hasattr(v, "momentum")}
    assert momenta == {0.7}


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=slow if "published" in c else ()) for c in KINDS]
)
def test_posteriors_depend_neither_on_the_batch_nor_on_padding(case, squeezenet_weights):
    system = make(case, squeezenet_weights)
    X = rows_for(case, system)
    network = network_of(system, X.item_shape)
    assert network.name == system.name
    assert {tensor.name for tensor in network.inputs} == {"values", "mask"}
    batch = batch_of(X)
    posteriors = network(batch).numpy()
    assert posteriors.shape == (len(X), 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)
    # They differ from row to row, and none is so sure that nothing could change it.
    assert np.ptp(posteriors, axis=0).max() > 1e-3
    assert posteriors.max(axis=1).min() < 0.95
    # The shortest row alone.
    shortest = X.lengths.argmin()
    row = {k: v[[shortest], : X.lengths[shortest]] for k, v in batch.items()}
    np.testing.assert_allclose(network(row)[0], posteriors[shortest], atol=1e-5)
    if system.segmented:
        return
    # Windows of padding may hold anything.
    fill = 9.0 if len(X.item_shape) > 1 else 0.0
    padded = network(batch_of(X, padding=7, fill=fill))
    np.testing.assert_allclose(padded, posteriors, atol=1e-5)


@slow
@pytest.mark.parametrize("case", WHOLE)
def test_what_is_learnt_does_not_depend_on_padding(case, squeezenet_weights):
    import keras

    system = make(case, squeezenet_weights, **NO_DROPOUT)
    X = features(system, *((0.7, 1.1) if "dcnn" in case else (0.2, 0.34)))
    learnt = []
    for padding in (0, 5):
        network = network_of(system, X.item_shape)
        network.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", run_eagerly=True
        )
        network.train_on_batch(batch_of(X, padding), np.array([0, 1]))
        learnt.append({weight.path: weight.numpy() for weight in network.weights})
    assert len(learnt[0]) == len(network.weights)
    for (path, alone), padded in zip(learnt[0].items(), learnt[1].values(), strict=True):
        np.testing.assert_allclose(padded, alone, rtol=1e-3, atol=1e-5, err_msg=path)


@pytest.mark.parametrize(
    ("cls", "parameters", "item", "classes", "total", "not_trained"),
    [
        (systems.Acrnn3d, {}, (300, 40, 3), 4, 7_336_262, 2 * 768),
        pytest.param(
            systems.AlexNet, {"head": (4096, 4096)}, (300, 200, 3), 7, 57_032_519, 0, marks=slow
        ),
        pytest.param(systems.AlexNet, {}, (300, 200), 4, 41_256_900, 0, marks=slow),
        (systems.AlexNet, {"head": ()}, (300, 200, 3), 4, 2_470_724, 0),
        (systems.BlstmAttention, {}, (34,), 7, 1_004_551, 0),
        # Of RayanWang's, 65,792 numbers do nothing but make the vector, which has 256 in the paper.
        (systems.BlstmAttention, {"softmax_vector": False}, (34,), 7, 939_015, 0),
        (systems.CnnLstm, {}, (128, 128), 7, 656_583, 768),
        (systems.CrnnAttention, {}, (400, 40), 7, 73_053, 112),
        (systems.CrnnAttention, {"units": 64}, (400, 40), 7, 142_941, 112),
        # ResNet50V2 has 23,564,800.
        pytest.param(
            systems.DcnnBlstmAttention, {}, (64, 64, 3), 8, 23_564_800 + 2_345_481, 45_440,
            marks=slow,
        ),
        (systems.FcnAttention, {}, (300, 200), 4, 2_591_689, 2 * 1153),
        (systems.FcnAttention, {"kind": "lognrevspec"}, (300, 200, 3), 7, 2_607_956, 2 * 1155),
    ],
)  # fmt: skip
def test_as_published_a_network_has_as_many_parameters_as_the_original(
    cls, parameters, item, classes, total, not_trained
):
    model = cls.as_published(**parameters).build(item, classes)
    assert model.count_params() == total
    # Running means and variances, which PyTorch does not count.
    assert sum(np.prod(w.shape) for w in model.non_trainable_weights) == not_trained


def seconds_per_item(system):
    """Measure the distance of items in time by features of a longer and a shorter recording."""
    front_end = dataclasses.replace(system.front_end, preprocessing=())
    signals = (noise(seconds, sample_rate=front_end.sample_rate) for seconds in (9, 1))
    longer, shorter = (len(front_end(signal, "u")) for signal in signals)
    return 8 / (longer - shorter)


@pytest.mark.parametrize(
    ("case", "parameters"),
    [
        ("acrnn_3d", {}),
        ("acrnn_3d, as published", {}),
        pytest.param("acrnn_3d, segments", {"hop": 0.010, "convolutions": 3}, marks=slow),
        ("blstm_attention", {}),
        # As published it attends to padding as well.
        pytest.param("blstm_attention, as published", {"softmax_vector": False}, marks=slow),
        ("crnn_attention", {}),
        ("crnn_attention, as published", {"filters": (8, 16)}),
        ("dcnn_blstm_attention", {}),
        ("dcnn_blstm_attention", {"sample_rate": 22050, "trim": False}),
        ("dcnn_blstm_attention, as published", {"max_segments": None}),
        pytest.param("dcnn_blstm_attention, frozen", {}, marks=slow),
        ("fcn_attention", {}),
        ("fcn_attention, as published", {}),
    ],
)
def test_attention_lies_where_the_system_says(case, parameters, squeezenet_weights):
    system = make(case, squeezenet_weights, **parameters)
    X = features(system, 1.0 if "dcnn" in case else 0.5)
    X = X.items().take([0]) if system.segmented else X
    values = reader(network_of(system, X.item_shape))
    (weights,) = np.asarray(values(batch_of(X))[1])
    steps = np.isfinite(weights.reshape(len(weights), -1)).all(axis=1).sum()
    np.testing.assert_allclose(weights[:steps].sum(), 1, rtol=1e-4)
    if system.segmented:
        frame = getattr(system, "hop", 0.010)
        duration = X.item_shape[0] * frame
    else:
        duration = len(X[0]) * seconds_per_item(system)
    grid = system.attention_grid
    # The last step begins within what was read, and less than a step is left after it.
    end = grid.start + steps * grid.seconds_per_step
    assert end - grid.seconds_per_step < duration
    assert end > duration - 1.01 * grid.seconds_per_step
    if grid.bands_per_cell:
        bands = X.item_shape[-1]
        top = grid.first_band + weights.shape[1] * grid.bands_per_cell
        assert bands - grid.bands_per_cell < top <= bands + grid.bands_per_cell


@slow
@every_kind
def test_recordings_from_a_twentieth_of_a_second_to_two_minutes_work_in_any_batch(case, trained):
    system, classifier = trained(case)
    X = features(system, 0.05, 120 if system.variant == "default" else 12, 0.7, 0.33)
    assert np.isfinite(X.values).all()
    posteriors = classifier.predict_proba(X)
    assert posteriors.shape == (4, 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    alone = np.concatenate([classifier.predict_proba(X.take([i])) for i in range(len(X))])
    np.testing.assert_allclose(posteriors, alone, atol=1e-5)


@slow
@every_kind
def test_a_saved_classifier_is_loaded_in_safe_mode_and_predicts_the_same(case, trained, tmp_path):
    import keras

    system, classifier = trained(case)
    classifier.save(tmp_path / "model")
    model = keras.saving.load_model(tmp_path / "model" / "network.keras", safe_mode=True)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
    loaded = NeuralClassifier.load(tmp_path / "model")
    assert loaded.network == system
    X = features(system, 0.2, 1.4, seed=9)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    names = {layer.name for layer in model.layers}
    assert ("attention" in names) == (system.attention_grid is not None)
    if "attention" in names:
        for weights, others in zip(loaded.attention(X), classifier.attention(X), strict=True):
            np.testing.assert_array_equal(weights, others)
    if "bottleneck" in names:
        np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))


@slow
@pytest.mark.parametrize("case", ["alexnet", "blstm_attention", "cnn_lstm", "dcnn_blstm_attention"])
def test_all_options_of_training_work_together(case):
    system = make(
        case, balance="oversampling", mixup=0.3, spec_augment=True, augmented_copies=1,
        speed_change=0.0,
    )  # fmt: skip
    X = features(system, 0.3, 0.9, 0.4)
    (front_end,) = system.training_copies
    copy = RaggedArray.from_list(
        [front_end(noise(seconds, i), "u") for i, seconds in enumerate((0.3, 0.9, 0.4))]
    )
    assert (copy.lengths == X.lengths).all()
    classifier = system.classifier(0).fit(X, ["anger", "anger", "sadness"], copies=[copy])
    assert np.isfinite(classifier.history_[0]["loss"])


@slow
@pytest.mark.filterwarnings("ignore::ser_lib.errors.InputWarning")
@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("acrnn_3d", "leave_one_speaker_out"),
        ("blstm_attention", "shuffled_80_20"),
        ("cnn_lstm", "random_80_20"),
        ("dcnn_blstm_attention", "random_90_10"),
    ],
)
def test_a_system_as_published_is_evaluated_under_its_own_protocol(name, protocol):
    corpus = load_corpus("synthetic", speakers=3, takes=1).select(emotion=["anger", "sadness"])
    evaluation = evaluate(make(f"{name}, as published"), corpus, protocol=protocol, folds=1)
    assert evaluation.record["protocol"] == protocol
    assert 0 <= evaluation.scores()["uar"] <= 1


# Between them they hold every layer of all systems; JAX compiles each for seconds.
UNDER_BOTH = (
    "acrnn_3d", "alexnet, as published", "blstm_attention, as published", "cnn_lstm",
    "crnn_attention", "crnn_attention, as published", "dcnn_blstm_attention, as published",
    "dcnn_blstm_attention, frozen", "fcn_attention",
)  # fmt: skip
UNDER_JAX = """
import json, sys
from pathlib import Path
import keras
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier

posteriors = {"backend": keras.backend.backend()}
for folder in map(Path, sys.argv[1:]):
    classifier = NeuralClassifier.load(folder / "model")
    posteriors[folder.name] = classifier.predict_proba(RaggedArray.load(folder / "rows")).tolist()
print(json.dumps(posteriors))
"""


@slow
def test_saved_networks_give_the_same_posteriors_under_jax(trained, tmp_path):
    expected = {}
    for case in UNDER_BOTH:
        system, classifier = trained(case)
        # One shape: JAX compiles a network for each.
        X = features(system, 0.6, 0.6, 0.59, seed=5)
        X.save(tmp_path / case / "rows")
        classifier.save(tmp_path / case / "model")
        expected[case] = classifier.predict_proba(X)
    found = run_under_jax(UNDER_JAX, *(tmp_path / case for case in expected))
    assert found.pop("backend") == "jax"
    assert found.keys() == expected.keys()
    for case, posteriors in found.items():
        np.testing.assert_allclose(posteriors, expected[case], atol=1e-4, err_msg=case)

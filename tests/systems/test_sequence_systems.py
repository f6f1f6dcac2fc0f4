"""What the three systems with attention promise alike: the batch, the backend and the file."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from as_trained import as_if_trained, disturb
from sklearn.base import clone

from ser_lib import evaluate, load_corpus, systems
from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.batching import assemble

# Small ones of the same kind; AlexNet has no sizes to choose.
SMALL = {
    "blstm_attention": {"dense": 12, "units": 6},
    "crnn_attention": {"filters": (4, 4, 6), "units": 6},
    "fcn_attention": {},
}
SETTINGS = ("ours", "source")
EVERY = [(name, setting) for name in SMALL for setting in SETTINGS]
ROOT = Path(__file__).resolve().parents[2]


def make(name, setting="ours", **options):
    options = {"epochs": 1, "batch_size": 8, "copies": 0} | SMALL[name] | options
    return systems.make(name, setting=setting, **options)


def noise(seconds, seed=0):
    """Noise that swells and fades, so that neither spectrum nor level is the same throughout."""
    rng = np.random.default_rng(seed)
    n = int(16000 * seconds)
    level = 0.1 + 0.09 * np.sin(np.arange(n) / 3000 + seed)
    return (level * rng.normal(size=n)).clip(-1, 1).astype("float32")


def features(system, *durations, seed=0):
    signals = [noise(seconds, seed + i) for i, seconds in enumerate(durations)]
    return RaggedArray.from_list([system.front_end(signal, "u") for signal in signals])


@pytest.fixture(scope="module")
def trained():
    """A classifier of each system and setting, as if trained."""
    result = {}
    for name, setting in EVERY:
        system = make(name, setting)
        X = features(system, 0.3, 0.5, 0.4, 0.6, 0.3, 0.2)
        result[name, setting] = system, as_if_trained(system.classifier(0), X)
    return result


@pytest.mark.parametrize(("name", "setting"), EVERY)
def test_the_classifier_is_described_by_the_arguments(name, setting):
    system = systems.make(name, setting=setting, epochs=3, mixup=0.25, balance="weights")
    classifier = system.classifier(7)
    assert clone(classifier).get_params() == classifier.get_params()
    assert (classifier.epochs, classifier.mixup) == (3, 0.25)
    assert (classifier.balance, classifier.seed) == ("weights", 7)
    assert system.parameters["epochs"] == 3
    # Who watches development speakers to stop early cannot train on them.
    # Where items are windows, their first two axes are time and frequency.
    augment = systems.make(name, setting=setting, spec_augment=True).classifier(0).spec_augment
    windows = system.front_end(noise(0.5), "u").ndim > 2
    assert augment == SpecAugment(within=windows)
    assert (
        systems.make(name, setting=setting, spec_augment=False).classifier(0).spec_augment is None
    )


@pytest.mark.parametrize(("name", "setting"), EVERY)
@pytest.mark.parametrize("seconds", [0.05, 0.1, 1.23, 120])
def test_recordings_from_a_twentieth_of_a_second_to_two_minutes_work(
    name, setting, seconds, trained
):
    system, classifier = trained[name, setting]
    row = features(system, seconds)
    assert np.isfinite(row.values).all()
    posteriors = classifier.predict_proba(row)
    assert posteriors.shape == (1, 3)
    assert posteriors.sum() == pytest.approx(1)
    weights = classifier.attention(row)[0]
    if classifier.pool:
        # Of every segment by itself.
        assert len(weights) == row.lengths[0]
        np.testing.assert_allclose(weights.reshape(len(weights), -1).sum(axis=1), 1, rtol=1e-4)
    else:
        assert weights.sum() == pytest.approx(1, rel=1e-4)
        assert (weights >= 0).all()


@pytest.mark.parametrize(("name", "setting"), EVERY)
def test_a_posterior_does_not_depend_on_batch_or_padding(name, setting, trained):
    system, classifier = trained[name, setting]
    longest = 120 if setting == "ours" else 15
    X = features(system, 0.1, longest, 0.7, 0.33)
    X = X.items() if classifier.pool else X
    alone = np.concatenate([classifier._posteriors(X.take([i])) for i in range(len(X))])
    # All in one batch, the shortest beside the longest, whatever batches would be made of them.
    batch = assemble([X], np.arange(len(X)), scaling=classifier._scaling)
    assert len(set(batch.mask.sum(axis=1))) > 1 or classifier.pool
    together = classifier.network_.predict_on_batch(batch._asdict())
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(classifier._posteriors(X), alone, atol=1e-5)
    # The answers differ from recording to recording, and are not so sure that nothing could change.
    assert np.ptp(alone, axis=0).max() > 1e-3
    assert alone.max(axis=1).min() < 0.9


@pytest.mark.parametrize("name", SMALL)
def test_padding_further_than_need_be_changes_nothing(name, trained):
    system, classifier = trained[name, "ours"]
    batch = assemble([features(system, 0.3, 0.8)], np.arange(2), scaling=classifier._scaling)
    found = []
    for padding in (0, 1, 77):
        around = ((0, 0), (0, padding))
        values = np.pad(batch.values, (*around, (0, 0)))
        found.append(
            classifier.network_({"values": values, "mask": np.pad(batch.mask, around)}).numpy()
        )
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)


WITHOUT_DROPOUT = {
    "blstm_attention": {"dropout": 0.0},
    "crnn_attention": {"dropout": 0.0, "block_dropout": 0.0},
    "fcn_attention": {"dropout": 0.0, "block_dropout": 0.0},
}


@pytest.mark.parametrize("name", SMALL)
def test_training_does_not_depend_on_padding(name):
    import keras

    system = make(name, **WITHOUT_DROPOUT[name])
    X = features(system, 0.15, 0.3, 0.2)
    batch, results = assemble([X], np.arange(3)), []
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
        model.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", run_eagerly=True
        )
        model.train_on_batch(padded, np.array([0, 1, 2]))
        results.append({w.path: w.numpy() for w in model.weights})
    assert len(results[0]) == len(model.weights)
    for (path, alone), padded in zip(results[0].items(), results[1].values(), strict=True):
        np.testing.assert_allclose(padded, alone, rtol=1e-3, atol=1e-5, err_msg=path)


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
    for (name, setting), (system, classifier) in trained.items():
        folder = tmp_path / f"{name} {setting}"
        # One shape: JAX compiles a network for each.
        rows = features(system, 0.3, 0.3, 0.29, seed=5)
        rows.save(folder / "rows")
        classifier.save(folder / "model")
        expected[folder.name] = classifier.predict_proba(rows)
    file = tmp_path / "answer.json"
    arguments = [str(file), *(str(tmp_path / name) for name in expected)]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", ON_JAX, *arguments], check=True, env=environment)
    answer = json.loads(file.read_text())
    assert answer.pop("backend") == "jax"
    assert set(answer) == set(expected)
    for name, posteriors in answer.items():
        np.testing.assert_allclose(posteriors, expected[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize(("name", "setting"), EVERY)
def test_a_saved_model_is_loaded_in_safe_mode_and_says_the_same(name, setting, trained, tmp_path):
    import keras

    system, classifier = trained[name, setting]
    classifier.save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    # Whatever Keras's default is or becomes.
    model = keras.saving.load_model(tmp_path / "model" / "network.keras", safe_mode=True)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
    assert loaded.get_params() == classifier.get_params()
    X = features(system, 0.2, 0.5, seed=9)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    # Also what a reader wants to see, and to use elsewhere.
    for found, expected in zip(loaded.attention(X), classifier.attention(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    if name != "blstm_attention":
        np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("setting", SETTINGS)
def test_training_copies_are_as_long_as_the_clean_recording_and_differ(name, setting):
    system = make(name, setting, copies=2, speed=0.0)
    assert len(system.training_copies) == 2
    for seconds in (0.05, 0.7):
        versions = [f(noise(seconds), "u") for f in (system.front_end, *system.training_copies)]
        assert len({version.shape for version in versions}) == 1
        assert np.abs(versions[0].astype(float) - versions[1]).max() > 1e-3
        assert np.abs(versions[1].astype(float) - versions[2]).max() > 1e-3
    default = systems.make(name)
    assert len(default.training_copies) == default.parameters["copies"]
    assert not systems.make(name, setting="source").training_copies


@pytest.mark.parametrize("name", SMALL)
def test_copies_at_another_speed_are_longer_or_shorter_by_no_more_than_was_asked_for(name):
    system = make(name, copies=6, speed=0.2)
    clean, *copies = (len(f(noise(2.0), "u")) for f in (system.front_end, *system.training_copies))
    assert len(set(copies)) > 1
    # The voice activity detector cuts at blocks of its own, and steps are rounded up.
    assert clean / 1.2 - 8 <= min(copies) < clean < max(copies) <= clean * 1.2 + 8
    with pytest.raises(InputError, match="SpeedPerturbation: most is 2; expected a number above 0"):
        make(name, copies=1, speed=2)


@pytest.mark.parametrize("name", SMALL)
def test_options_of_training_train_together(name):
    system = make(name, balance="weights", mixup=0.3, spec_augment=True, copies=1)
    X = features(system, 0.2, 0.3, 0.25)
    (noisy,) = system.training_copies
    copy = RaggedArray.from_list([noisy(noise(s, i), "u") for i, s in enumerate((0.2, 0.3, 0.25))])
    classifier = system.classifier(0).fit(X, ["anger", "anger", "sadness"], copies=[copy])
    assert np.isfinite(classifier.history_[0]["loss"])


@pytest.mark.parametrize("name", SMALL)
def test_at_least_six_recipes_were_candidates_and_all_can_be_made(name):
    module = importlib.import_module(f"ser_lib.systems.{name}")
    assert len(module.CANDIDATES) >= 6
    assert module.RECIPES["ours"].keys() == module.RECIPES["source"].keys()
    made = [systems.make(name, **candidate) for candidate in module.CANDIDATES.values()]
    # Each differs from all others.
    recipes = [json.dumps(system.parameters, sort_keys=True, default=str) for system in made]
    assert len(set(recipes)) == len(recipes)
    assert module.CANDIDATES["default"] == {}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("blstm_attention", {"pooling": "atention"}, "did you mean 'attention'"),
        ("blstm_attention", {"features": "descriptor"}, "did you mean 'descriptors'"),
        ("blstm_attention", {"features": "logmels"}, "did you mean 'logmel'"),
        ("blstm_attention", {"descriptors_by": "pyAudioAnalysis"}, "mean 'pyaudioanalysis'"),
        ("blstm_attention", {"descriptors": ("energi",)}, "did you mean 'energy'"),
        ("fcn_attention", {"kind": "logmelspek"}, "did you mean 'logmelspec'"),
        ("fcn_attention", {"hop": 0.05}, "hop is 0.05; expected 0.001 to 0.040 s"),
        ("fcn_attention", {"sharpness": -1}, "sharpness is -1; expected a number of at least 0"),
        *[
            (name, options, message)
            for name in SMALL
            for options, message in (
                ({"setting": "our"}, "unknown setting 'our'; did you mean 'ours'"),
                ({"dropout": 1}, "dropout is 1; expected a number of at least 0 and of at most"),
                ({"copies": -1}, "copies is -1; expected a whole number of at least 0"),
                ({"epoch": 3}, f"unknown parameter of {name} 'epoch'; did you mean 'epochs'"),
            )
        ],
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest_name(name, options, message):
    with pytest.raises(InputError, match=message):
        systems.make(name, **options)


@pytest.fixture(scope="module")
def corpus():
    """Three speakers of the synthetic corpus, two emotions: 24 utterances."""
    return load_corpus("synthetic", speakers=3, takes=1).select(emotion=["anger", "sadness"])


@pytest.fixture(scope="module")
def divided(corpus):
    """The same with a column that says who is trained on."""
    parts = dict(zip(corpus.speakers, ("train", "dev", "test"), strict=True))
    table = corpus.table.assign(split=corpus.table["speaker"].map(parts))
    return dataclasses.replace(corpus, table=table)


PROTOCOLS = {
    "blstm_attention": ("shuffled_80_20", "emodb", "wa", 0.686),
    "crnn_attention": ("predefined", "merc2020", "wa", 0.3984),
    "fcn_attention": ("leave_one_speaker_out", "iemocap", "uar", 0.639),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_sources_protocol_is_one_command_and_the_published_figure_is_quoted(
    name, corpus, divided
):
    protocol, published_on, metric, value = PROTOCOLS[name]
    corpus = divided if protocol == "predefined" else corpus
    system = make(name, "source")
    evaluation = evaluate(
        system, corpus, protocol=protocol, folds=None if protocol == "predefined" else 1
    )
    rows = evaluation.rows()
    assert evaluation.record["protocol"] == protocol
    assert len(rows) == (5 if protocol == "shuffled_80_20" else 8)
    assert 0 <= evaluation.scores()[metric] <= 1
    figure = system.published[0]
    assert (figure.corpus, figure.metric, figure.value) == (published_on, metric, value)
    # A speaker-dependent figure is named so, and so is the protocol that repeats it.
    if protocol == "shuffled_80_20":
        assert not figure.speaker_disjoint
        assert set(rows["speaker"]) <= set(corpus.speakers)

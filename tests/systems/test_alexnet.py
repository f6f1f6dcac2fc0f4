"""AlexNet on segments: layers, weights learnt before, what segments answer, what is promised."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from as_trained import as_if_trained
from sklearn.base import clone
from test_sequence_systems import ON_JAX, ROOT, features, noise
from torch_files import save, state_of

from ser_lib import evaluate, identity, load_corpus, paths, systems
from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.batching import assemble
from ser_lib.neural.imagenet import BACKBONES
from ser_lib.neural.imagenet_weights import resolve_weights
from ser_lib.neural.torchvision import alexnet_weights
from ser_lib.systems.alexnet import CANDIDATES, RECIPES, AlexNet, alexnet

EMOTIONS = ["anger", "neutral", "sadness"]
CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
# Short segments, no wide layers: the five convolutions have no sizes to choose.
SMALL = {"epochs": 1, "batch_size": 8, "copies": 0, "segment": 64}


def trainable(model):
    return sum(np.prod(w.shape) for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("head", "channels", "classes", "parameters"),
    [
        ((4096, 4096), 3, 4, 57_020_228),
        ((4096, 4096), 3, 7, 57_032_519),
        ((4096, 256), 1, 4, 41_256_900),
        ((), 3, 4, 2_470_724),
    ],
)
def test_the_parameters_are_those_of_torchvision(head, channels, classes, parameters):
    network = alexnet(head=head, setting="source").classifier(0).network
    item = (300, 200) if channels == 1 else (300, 200, channels)
    model = network.build(item, classes)
    assert model.count_params() == trainable(model) == parameters


def test_the_source_trains_as_it_did():
    system = alexnet(setting="source")
    training = system.classifier(3).get_params()
    expected = {
        "epochs": 200, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-4,
        "weight_decay": 0.01, "schedule": "constant", "balance": None, "spec_augment": None,
        "scale": True, "pool": "max", "seed": 3,
        "network": AlexNet(head=(4096, 256), dropout=0.5, first=False),
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected
    segments = system.front_end(noise(4.5), "u")
    assert segments.shape == (2, 300, 200)
    # The padding is the loudest of the recording; ours is the quietest.
    assert not segments[1, 151:].any()
    ours = alexnet().front_end(noise(4.5), "u")
    assert ours.shape == (2, 150, 128)
    assert (ours[1, 76:] == ours.min()).all()


@pytest.mark.parametrize("kind", ["logspec", "logmelspec", "logmeldeltaspec", "lognrevspec"])
def test_every_kind_of_spectrogram_is_cut_into_segments_and_seen(kind):
    system = alexnet(kind=kind, **SMALL)
    shapes = {
        "logspec": (64, 200),
        "logmelspec": (64, 128),
        "logmeldeltaspec": (64, 128, 3),
        "lognrevspec": (64, 200, 3),
    }
    X = features(system, 0.05, 2.0)
    assert X.item_shape == shapes[kind]
    assert X.lengths.tolist() == [1, 2]
    posteriors = as_if_trained(system.classifier(0), X).predict_proba(X)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module", params=["ours", "source"])
def trained(request):
    """The system in a setting and a classifier as if trained."""
    head = (12, 6) if request.param == "source" else ()
    system = alexnet(setting=request.param, kind="logmelspec", head=head, **SMALL)
    X = features(system, 0.3, 1.5, 0.4)
    return system, as_if_trained(system.classifier(0), X)


@pytest.mark.parametrize("seconds", [0.05, 1.23, 120])
def test_recordings_from_a_twentieth_of_a_second_to_two_minutes_work(seconds, trained):
    system, classifier = trained
    row = features(system, seconds)
    assert np.isfinite(row.values).all()
    posteriors = classifier.predict_proba(row)
    assert posteriors.shape == (1, 3)
    assert posteriors.sum() == pytest.approx(1)
    (segments,) = classifier.segment_posteriors(row)
    assert segments.shape == (row.lengths[0], 3)
    # An utterance is answered by the mean of its segments' log posteriors, or by their maximum.
    pool = np.max if system.setting == "source" else np.mean
    expected = np.exp(pool(np.log(segments), axis=0))
    np.testing.assert_allclose(posteriors[0], expected / expected.sum(), rtol=1e-4)


def test_a_posterior_does_not_depend_on_its_batch(trained):
    system, classifier = trained
    X = features(system, 0.1, 5, 0.7, 0.33)
    alone = np.concatenate([classifier.predict_proba(X.take([i])) for i in range(len(X))])
    np.testing.assert_allclose(classifier.predict_proba(X), alone, atol=1e-5)
    segments = X.items()
    batch = assemble([segments], np.arange(len(segments)), scaling=classifier._scaling)
    together = classifier.network_.predict_on_batch(batch._asdict())
    single = np.concatenate(
        [classifier._posteriors(segments.take([i])) for i in range(len(segments))]
    )
    np.testing.assert_allclose(together, single, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 1e-3
    assert alone.max(axis=1).min() < 0.9


def test_a_saved_model_is_loaded_in_safe_mode_and_says_the_same_also_under_jax(trained, tmp_path):
    import keras

    system, classifier = trained
    classifier.save(tmp_path / "model")
    model = keras.saving.load_model(tmp_path / "model" / "network.keras", safe_mode=True)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
    loaded = NeuralClassifier.load(tmp_path / "model")
    assert loaded.get_params() == classifier.get_params()
    X = features(system, 0.2, 1.4, seed=9)
    expected = classifier.predict_proba(X)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))
    assert loaded.embed(X).shape == (2, 6 if system.setting == "source" else 256)
    # JAX compiles for seconds: the dense layers, which do more, stand for both.
    if system.setting == "ours":
        return
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    X.save(tmp_path / "rows")
    (tmp_path / "both").mkdir()
    (tmp_path / "rows").rename(tmp_path / "both" / "rows")
    (tmp_path / "model").rename(tmp_path / "both" / "model")
    file = tmp_path / "answer.json"
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ON_JAX, str(file), str(tmp_path / "both")]
    subprocess.run(command, check=True, env=environment)
    answer = json.loads(file.read_text())
    assert answer["backend"] == "jax"
    np.testing.assert_allclose(answer["both"], expected, atol=1e-4)


def test_options_of_training_train_together():
    options = {"balance": "oversampling", "mixup": 0.3, "spec_augment": True}
    system = alexnet(**SMALL | options | {"copies": 1})
    classifier = system.classifier(7)
    assert classifier.spec_augment == SpecAugment(within=True)
    assert clone(classifier).get_params() == classifier.get_params()
    assert alexnet(spec_augment=False).classifier(0).spec_augment is None
    X = features(system, 0.2, 1.4, 0.25)
    (noisy,) = system.training_copies
    copy = RaggedArray.from_list([noisy(noise(s, i), "u") for i, s in enumerate((0.2, 1.4, 0.25))])
    assert (copy.lengths == X.lengths).all()
    classifier.fit(X, ["anger", "anger", "sadness"], copies=[copy])
    assert np.isfinite(classifier.history_[0]["loss"])


def test_at_least_six_recipes_were_candidates_and_all_can_be_made():
    assert len(CANDIDATES) >= 6
    assert RECIPES["ours"].keys() == RECIPES["source"].keys()
    recipes = {json.dumps(alexnet(**some).parameters, default=str) for some in CANDIDATES.values()}
    assert len(recipes) == len(CANDIDATES)
    assert CANDIDATES["default"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "logmelspek"}, "did you mean 'logmelspec'"),
        ({"segment": 62}, "segment is 62; expected a whole number of at least 63"),
        ({"pool": "max."}, "unknown pool 'max.'; did you mean 'max'"),
        ({"head": (0,)}, r"head is \(0,\); expected numbers of units, such as \(4096, 4096\)"),
        ({"head": "full"}, "head is .*expected numbers of units"),
        ({"train": "heads"}, "did you mean 'head'"),
        ({"train": "head"}, "train is 'head' without weights; expected weights"),
        ({"weights": "no.pth"}, "weights is 'no.pth'; expected .* a file that exists"),
        ({"dropout": 1}, "dropout is 1; expected a number of at least 0 and of at most"),
        ({"copies": -1}, "copies is -1; expected a whole number of at least 0"),
        ({"setting": "our"}, "unknown setting 'our'; did you mean 'ours'"),
        ({"epoch": 3}, "unknown parameter of alexnet 'epoch'; did you mean 'epochs'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest_name(options, message):
    with pytest.raises(InputError, match=message):
        systems.make("alexnet", **options)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file as torchvision's, of the convolutions alone."""
    rng, arrays = np.random.default_rng(0), {}
    for number, shape in {
        0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }.items():  # fmt: skip
        weight = rng.standard_normal(shape, "float32") * np.float32(np.prod(shape[1:]) ** -0.5)
        arrays[f"features.{number}.weight"] = weight
        arrays[f"features.{number}.bias"] = rng.standard_normal(shape[0], "float32") / 10
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    save(path, state_of(arrays))
    return path


@pytest.mark.parametrize("setting", ["ours", "source"])
@pytest.mark.parametrize("kind", ["logmelspec", "logmeldeltaspec"])
def test_it_begins_with_the_weights_of_a_file(kind, setting, file):
    network = alexnet(weights=file, kind=kind, head=(6,), setting=setting).classifier(0).network
    item = (64, 70, 3) if kind == "logmeldeltaspec" else (64, 70)
    model = network.build(item, 4)
    for name, (kernel, bias) in zip(CONVOLUTIONS, alexnet_weights(file), strict=True):
        found = model.get_layer(name).get_weights()
        if name == "conv1" and setting == "source":
            # The original throws it away.
            assert not np.allclose(found[0].std(), kernel.std(), rtol=1e-3)
            continue
        if name == "conv1" and kind == "logmelspec":
            kernel = kernel.sum(axis=2, keepdims=True)
        np.testing.assert_array_equal(found[0], kernel)
        np.testing.assert_array_equal(found[1], bias)


def test_dense_layers_begin_with_the_file_as_far_as_they_are_alexnets(file):
    with pytest.raises(InputError, match=r"alexnet.pth: no classifier.1.weight"):
        AlexNet(head=(4096, 8), weights=resolve_weights("alexnet", file)).build((64, 70), 4)
    # The narrower ones begin anew.
    AlexNet(head=(8, 4096), weights=resolve_weights("alexnet", file)).build((64, 70), 4)


def test_the_head_alone_can_be_trained(file):
    system = alexnet(weights=file, train="head", head=(6,), **SMALL)
    X = features(system, 0.2, 1.4, 0.25)
    classifier = system.classifier(0).fit(X, EMOTIONS)
    for name, (kernel, bias) in list(zip(CONVOLUTIONS, alexnet_weights(file), strict=True))[1:]:
        found = classifier.network_.get_layer(name).get_weights()
        np.testing.assert_array_equal(found[0], kernel)
        np.testing.assert_array_equal(found[1], bias)
    assert len(classifier.network_.trainable_weights) == 4


def test_weights_are_known_by_their_content_not_by_where_they_lie(file, tmp_path):
    (tmp_path / "copy.pth").write_bytes(file.read_bytes())
    made = [alexnet(weights=str(path), **SMALL) for path in (file, tmp_path / "copy.pth")]
    first, second = (identity.describe(system.classifier(0)) for system in made)
    assert first == second
    assert first != identity.describe(alexnet(**SMALL).classifier(0))
    assert str(file.parent) not in json.dumps(identity.describe(made[0].parameters))
    system = made[0]
    X = features(system, 0.2, 0.3)
    classifier = as_if_trained(system.classifier(0), X)
    classifier.save(tmp_path / "model")
    assert str(file.parent) not in (tmp_path / "model" / "classifier.json").read_text()
    # What was trained needs no file any more.
    loaded = NeuralClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    with pytest.raises(InputError, match="are needed; expected their file"):
        clone(loaded).fit(X, ["anger", "sadness"])


def test_weights_of_imagenet_come_from_the_cache_or_are_downloaded_when_they_are_needed(
    file, tmp_path, monkeypatch
):
    from ser_lib import download as remote

    content = file.read_bytes()
    published = dataclasses.replace(
        BACKBONES["alexnet"],
        url="https://example.invalid/models/published.pth",
        checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    monkeypatch.setitem(BACKBONES, "alexnet", published)
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    asked = []

    def retrieve(wanted, folder):
        asked.append(wanted)
        path = folder / wanted.filename
        path.write_bytes(content)
        return path

    monkeypatch.setattr(remote, "retrieve", retrieve)
    network = alexnet(weights="imagenet").classifier(0).network
    assert not asked
    model = network.build((64, 70), 4)
    assert [(r.url, r.checksum) for r in asked] == [(published.url, published.checksum)]
    monkeypatch.undo()
    monkeypatch.setitem(BACKBONES, "alexnet", published)
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    # Now that it is there, nothing is fetched: the address leads nowhere.
    assert (paths.cache() / "weights" / "published.pth").is_file()
    again = network.build((64, 70), 4)
    for name in ("conv1", "conv5"):
        first, second = (m.get_layer(name).get_weights() for m in (model, again))
        np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], alexnet_weights(file)[4][1])


def test_the_sources_protocol_is_one_command_and_the_published_figures_are_quoted():
    corpus = load_corpus("synthetic", speakers=3, takes=1).select(emotion=["anger", "sadness"])
    system = alexnet(setting="source", **SMALL | {"head": (8, 6)})
    evaluation = evaluate(system, corpus, protocol="leave_one_speaker_out", folds=1)
    assert evaluation.record["protocol"] == "leave_one_speaker_out"
    assert len(evaluation.rows()) == 8
    assert 0 <= evaluation.scores()["uar"] <= 1
    figures = {(figure.metric, figure.value) for figure in system.published}
    assert figures == {("uar", 0.644), ("wa", 0.740), ("uar", 0.626), ("wa", 0.732)}
    assert all(figure.corpus == "iemocap" and figure.classes == 4 for figure in system.published)


def test_the_sources_short_name_is_understood():
    assert systems.make("alex_net", epochs=3).parameters["epochs"] == 3
    assert systems.make("alex_net").name == "alexnet"
    assert "alex_net" not in systems.names()

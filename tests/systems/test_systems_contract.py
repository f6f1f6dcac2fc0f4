"""What every system declares: its parameters, their values in both variants, source and trials."""

import dataclasses
import inspect
import json
import pickle

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from small_systems import NEURAL, noise

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.identity import describe, digest
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.params import Check
from ser_lib.systems.base import VARIANTS, Published, System

every_system = pytest.mark.parametrize("name", systems.names())
# Of these there is an original; a new system need not have one.
PUBLISHED = (*NEURAL, "svm")
every_published_system = pytest.mark.parametrize("name", PUBLISHED)
every_network = pytest.mark.parametrize("name", NEURAL)
# A system without an original has one variant.
every_system_and_variant = pytest.mark.parametrize(
    ("name", "variant"),
    [
        (name, variant)
        for name in systems.names()
        for variant in VARIANTS[: 1 + bool(systems.get(name).published_values())]
    ],
)
every_variant = pytest.mark.parametrize("variant", VARIANTS)

TABLE = pd.DataFrame(
    {"emotion": ["anger", "neutral"], "sex": ["female", None]},
    index=pd.Index(["u1", "u2"], name="utterance"),
)


@every_system_and_variant
def test_a_system_says_what_it_is_and_where_it_comes_from(name, variant):
    system = systems.make(name, variant=variant)
    assert isinstance(system, systems.get(name))
    assert (system.name, system.variant) == (name, variant)
    assert system.title
    assert system.citation.lstrip().startswith("@")
    assert all(sentence.endswith(".") for sentence in system.deviations)
    assert not any("{" in sentence for sentence in system.deviations)
    for score in system.published:
        assert isinstance(score, Published)
        assert 0 < score.value < 1
        assert score.metric in ("uar", "wa")
        assert score.protocol
        assert score.source
    assert system.normalisation in ("train", "utterance")
    assert system.needs_development == (system.parameters.get("patience") is not None)


def test_classes_are_available_under_their_own_names():
    for name in systems.names():
        assert getattr(systems, systems.get(name).__name__) is systems.get(name)
    assert list(systems.names()) == sorted(systems.names())
    assert set(PUBLISHED) <= set(systems.names())


@every_published_system
def test_a_published_system_has_scores_and_deviations(name):
    assert systems.get(name).published
    assert systems.get(name).deviations


def test_a_system_without_front_end_or_classifier_cannot_be_made():
    class Incomplete(System):
        name = "incomplete"

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()


@pytest.mark.parametrize(("alias", "name"), [("3d_acrnn", "acrnn_3d"), ("alex_net", "alexnet")])
def test_the_short_names_of_the_sources_are_understood(alias, name):
    assert systems.get(alias) is systems.get(name)
    assert systems.resolve(alias) == name
    assert systems.make(alias, epochs=3) == systems.make(name, epochs=3)
    assert alias not in systems.names()


# Parameters.


@every_system
def test_three_ways_to_make_a_system_give_the_same(name):
    cls, changed = systems.get(name), _change(name)
    assert systems.make(name, **changed) == cls(**changed) == cls.of(**changed)
    published = cls.as_published(**changed)
    assert systems.make(name, variant="as_published", **changed) == published
    assert published == cls(**cls.published_values() | changed)
    assert {published.parameters[key] for key in changed} == set(changed.values())


@every_system
def test_every_parameter_has_a_check_a_type_and_documentation(name):
    cls = systems.get(name)
    text = inspect.getdoc(cls)
    # However its lines are broken.
    words = " ".join(text.split())
    for field in dataclasses.fields(cls):
        check, doc = field.metadata["check"], field.metadata["doc"]
        assert isinstance(check, Check), field.name
        assert doc.endswith("."), field.name
        assert f" {field.name} : {check.type}, default {field.default!r}" in words
        assert f" {doc}" in words
    assert text.count("\nParameters\n") == bool(cls.parameter_names())
    assert list(cls().parameters) == list(cls.parameter_names())


@every_system
def test_published_values_pass_their_checks_and_differ_from_the_defaults(name):
    cls = systems.get(name)
    default, published = cls().parameters, cls.as_published().parameters
    for parameter, value in cls.published_values().items():
        assert published[parameter] == value != default[parameter], parameter
    rest = default.keys() - cls.published_values().keys()
    assert all(default[parameter] == published[parameter] for parameter in rest)


@every_published_system
def test_variants_have_front_ends_and_classifiers_of_their_own_identity(name):
    default, published = (systems.make(name, variant=variant) for variant in VARIANTS)
    assert default.front_end.identity() != published.front_end.identity()
    assert digest(describe(default.classifier(0))) != digest(describe(published.classifier(0)))
    assert digest(describe(default.classifier(0))) != digest(describe(default.classifier(1)))


@every_system_and_variant
def test_the_variant_is_known_from_the_parameters(name, variant):
    cls = systems.get(name)
    made = systems.make(name, variant=variant, **_change(name))
    assert made.variant == variant
    # However it was made.
    assert cls(**made.parameters).variant == variant


@every_system_and_variant
def test_a_system_is_a_value(name, variant):
    system = systems.make(name, variant=variant)
    assert len({system, systems.make(name, variant=variant)}) == 1
    other = dataclasses.replace(system, **_change(name))
    assert (other != system) == bool(_change(name))
    assert other == systems.make(name, variant=variant, **_change(name))
    for module in (pickle, cloudpickle):
        assert pickle.loads(module.dumps(other)) == other
    # A notebook's parameters and a stored record are JSON.
    assert systems.make(name, **json.loads(json.dumps(other.parameters))) == other
    if "weights" in other.parameters:
        # Of weights, that is their checksum.
        other = dataclasses.replace(other, weights="imagenet")
        stored = json.loads(json.dumps(other.parameters))
        assert stored["weights"].startswith(("sha256:", "md5:"))
        assert systems.make(name, **stored) == other
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(system, *next(iter(_change(name).items()), ("title", "another")))


def test_none_is_a_value_like_any_other():
    assert systems.make("acrnn_3d", variant="as_published").balance == "oversampling"
    assert systems.make("acrnn_3d", variant="as_published", balance=None).balance is None
    published = systems.CrnnAttention.as_published()
    assert (published.patience, published.needs_development) == (30, True)
    all_epochs = systems.make("crnn_attention", variant="as_published", patience=None)
    assert (all_epochs.patience, all_epochs.needs_development) == (None, False)
    assert all_epochs.classifier(0).patience is None
    assert systems.CrnnAttention.as_published(max_frames=None).front_end == dataclasses.replace(
        systems.CrnnAttention(filter_rate=22050).front_end
    )


def test_an_unknown_system_variant_or_parameter_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown system 'svn'; did you mean 'svm'"):
        systems.make("svn")
    with pytest.raises(InputError, match="unknown system '3d_acrn'"):
        systems.get("3d_acrn")
    with pytest.raises(InputError, match="unknown variant 'defaults'; did you mean 'default'"):
        systems.make("svm", variant="defaults")
    with pytest.raises(InputError, match="unknown parameter of svm 'delta'; did you mean 'deltas'"):
        systems.Svm.as_published(delta=True)


@every_network
def test_what_all_networks_share_is_checked_in_each(name):
    for parameters, message in (
        ({"epoch": 3}, f"unknown parameter of {name} 'epoch'; did you mean 'epochs'"),
        ({"epochs": 0}, "epochs is 0; expected an integer of at least 1"),
        ({"dropout": 1}, "dropout is 1; expected a number of at least 0 and of at most 0.95"),
        ({"pool": "max."}, "pool is 'max.'; expected one of 'mean', 'max'"),
        ({"scale": "yes"}, "scale is 'yes'; expected True or False"),
    ):
        with pytest.raises(InputError, match=message):
            systems.make(name, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("acrnn_3d", {"convolutions": 8}, "convolutions is 8; expected an integer from 1 to 7"),
        ("acrnn_3d", {"filters": (128,)}, r"filters is \(128,\); expected a tuple of 2 values"),
        ("acrnn_3d", {"segment_hop": 10}, "segment_hop is 10 without segments; expected 0"),
        ("acrnn_3d", {"segment": 50, "speed_change": 0.1}, "speed_change is 0.1 .*expected 0"),
        ("alexnet", {"kind": "logmelspek"}, "expected one of 'logspec', 'logmelspec'"),
        ("alexnet", {"segment": 62}, "segment is 62; expected an integer of at least 63"),
        ("alexnet", {"head": (0,)}, r"head is \(0,\); expected a tuple of values, each an integer"),
        ("alexnet", {"train": "head"}, "train is 'head' and weights is None; expected weights"),
        ("alexnet", {"weights": "no.pth"}, "weights is 'no.pth'; expected .* a file that exists"),
        ("blstm_attention", {"descriptors": "energy"}, "expected names of descriptors, or None"),
        ("cnn_lstm", {"filters": ()}, r"filters is \(\); expected a tuple of 1 or more values"),
        ("crnn_attention", {"max_frames": 7}, "max_frames is 7; expected an integer of at least 8"),
        ("dcnn_blstm_attention", {"train": "head"}, "train is 'head' and weights is None"),
        ("dcnn_blstm_attention", {"weights": "imagenett"}, "expected None, 'imagenet', or a file"),
        ("dcnn_blstm_attention", {"backbone": "alexnet", "resize": 64}, "sides of 223 to 254"),
        ("dcnn_blstm_attention", {"backbone": "resnet50"}, "expected one of 'squeezenet'"),
        ("fcn_attention", {"hop": 0.05}, "hop is 0.05; expected a number .*at most 0.04"),
        ("svm", {"components": 1.5}, "components is 1.5; expected a number of components, or"),
        ("svm", {"gamma": (0,)}, r"gamma is \(0,\); expected .* each a number above 0"),
    ],
)  # fmt: skip
def test_what_a_system_cannot_have_is_refused_in_words(name, parameters, message):
    with pytest.raises(InputError, match=message):
        systems.make(name, **parameters)


@every_system
def test_every_trial_of_the_search_space_can_be_made_and_differs_from_all_others(name):
    cls = systems.get(name)
    trials = [systems.make(name, **changed) for changed in cls.search_space.values()]
    # The defaults of two systems were not searched.
    assert list(cls.search_space.items())[:1] in ([("default", {})], [])
    assert trials[:1] in ([cls()], [])
    assert len({digest(trial.parameters) for trial in trials}) == len(trials)


# What becomes of the parameters.


@every_network
@every_variant
def test_the_classifier_has_the_parameters_of_the_system(name, variant):
    system = systems.make(
        name, variant=variant, epochs=3, mixup=0.25, balance="weights", learning_rate=0.004
    )
    classifier = system.classifier(7)
    found = classifier.get_params(deep=False)
    assert clone(classifier).get_params() == classifier.get_params()
    assert found.pop("network") is system
    assert found.pop("seed") == 7
    assert found.pop("pool") == (system.pool if system.segmented else None)
    # Where items are segments, their first two axes are time and frequency.
    within = system.front_end(noise(0.5), "u").ndim > 2 and name != "cnn_lstm"
    for spec_augment, expected in ((True, SpecAugment(within=within)), (False, None)):
        changed = dataclasses.replace(system, spec_augment=spec_augment)
        assert changed.classifier(0).spec_augment == expected
    del found["spec_augment"]
    assert found == {parameter: system.parameters[parameter] for parameter in found}


def test_targets_are_emotions_or_carry_a_prefix():
    plain, prefixed = systems.Svm(), systems.Svm(sex_labels=True)
    assert plain.targets(TABLE).tolist() == ["anger", "neutral"]
    assert prefixed.targets(TABLE[:1]).tolist() == ["female/anger"]
    with pytest.raises(InputError, match="column 'sex'; found 1 utterances without it, the first"):
        prefixed.targets(TABLE)


@every_network
@every_variant
def test_noisy_copies_are_as_long_as_the_recording_and_differ(name, variant):
    system = systems.make(name, variant=variant, augmented_copies=2, speed_change=0.0)
    for seconds in (0.05, 0.7):
        versions = [f(noise(seconds), "u") for f in (system.front_end, *system.training_copies)]
        assert len(versions) == 3
        assert len({version.shape for version in versions}) == 1
        assert np.abs(versions[0].astype(float) - versions[1]).max() > 1e-3
        assert np.abs(versions[1].astype(float) - versions[2]).max() > 1e-3
    default = systems.make(name, variant=variant)
    assert len(default.training_copies) == default.augmented_copies


@pytest.mark.parametrize("name", ["blstm_attention", "crnn_attention", "fcn_attention", "acrnn_3d"])
def test_copies_at_another_speed_are_longer_or_shorter_by_no_more_than_was_asked_for(name):
    system = systems.make(name, augmented_copies=6, speed_change=0.2)
    clean, *copies = (len(f(noise(2.0), "u")) for f in (system.front_end, *system.training_copies))
    assert len(set(copies)) > 1
    # The voice activity detector cuts at blocks of its own, and steps are rounded up.
    assert clean / 1.2 - 8 <= min(copies) < clean < max(copies) <= clean * 1.2 + 8


def test_speed_tempo_and_pitch_are_changed_before_noise_is_added():
    system = systems.FcnAttention(
        augmented_copies=1, speed_change=0.1, tempo_change=0.1, pitch_change=2
    )
    (copy,) = system.training_copies
    steps = [type(step).__name__ for step in copy.preprocessing]
    assert steps == [
        *("SpeedPerturbation", "TimeStretch", "PitchShift"),
        *("TrimToVoice", "PreEmphasis", "WhiteNoise"),
    ]
    assert dataclasses.replace(copy, preprocessing=system.front_end.preprocessing) == (
        system.front_end
    )
    quiet = dataclasses.replace(system, noisy_copies=False).training_copies[0].preprocessing
    assert quiet == copy.preprocessing[:-1]
    with pytest.raises(InputError, match="noisy_copies is False and nothing else is changed"):
        systems.FcnAttention(augmented_copies=1, noisy_copies=False)


@pytest.mark.parametrize("name", systems.names())
def test_recordings_of_any_length_give_finite_items(name):
    if systems.get(name).extra == "baselines":
        pytest.importorskip("opensmile")
    for seconds in (0.025, 0.5, 12.0):
        assert np.isfinite(systems.make(name).front_end(noise(seconds), "u")).all()


def _change(name):
    """Return a parameter with another value than in any variant; none where there are none."""
    changes = {
        "majority": {},
        "opensmile_svm": {"folds": 4},
        "opensmile_discriminant": {"folds": 4},
        "ours_discriminant": {"folds": 4},
        "ours_functionals_svm": {"folds": 4},
        "svm": {"alpha": 0.05},
    }
    return changes.get(name, {"epochs": 7})

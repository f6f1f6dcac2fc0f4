"""
What the golden test asks of the library, by names of its own.

This file exists so that the library may be rebuilt under the test: the rest of this folder imports
nothing of the library but through here, and no module, class or argument that is renamed changes
anything elsewhere. What is computed must stay the same.
"""

import dataclasses
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

from ser_lib import protocols, systems
from ser_lib.corpora import discovery, iemocap, load_corpus
from ser_lib.errors import InputError
from ser_lib.evaluation.intervals import interval, limits, standard_error
from ser_lib.evaluation.metrics import (
    confusion,
    macro_f1,
    macro_f1_of,
    per_class_recall,
    precision_of,
    recall_of,
    uar,
    uar_of,
    wa,
    wa_of,
)
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.evaluation.resampling import counts_by_speaker, jackknife
from ser_lib.evaluation.significance import compare as compare_systems
from ser_lib.evaluation.significance import compare_all, holm
from ser_lib.evaluation.significance import sign_flip_p as sign_flip
from ser_lib.experiment.fold import FoldData, fit_fold
from ser_lib.features import RaggedArray, extract
from ser_lib.features.normalisation import normalise
from ser_lib.features.voicing import NAMES as VOICE
from ser_lib.neural.batching import fit_scaling
from ser_lib.signal.decoding import decode

__all__ = [
    "InputError",
    "compare_all",
    "confusion",
    "counts_by_speaker",
    "holm",
    "interval",
    "jackknife",
    "limits",
    "macro_f1",
    "macro_f1_of",
    "per_class_recall",
    "precision_of",
    "recall_of",
    "sign_flip_p",
    "standard_error",
    "uar",
    "uar_of",
    "wa",
    "wa_of",
]

VARIANTS = ("default", "as_published")
# What is frozen of a published figure; its remarks may be worded anew.
_FIGURE = ("metric", "value", "corpus", "classes", "speaker_disjoint")
# Names under which parameters were frozen, where they have others now.
_FROZEN_NAMES = {
    "augmented_copies": "copies",
    "speed_change": "speed",
    "average": "every",
    "fire_modules": "modules",
}
# Of networks, which had parameters of their own.
_NETWORK_NAMES = {
    "norm_momentum": "momentum",
    "keep_first_filters": "first",
    "imagenet_preprocessing": "photographs",
    "fire_modules": "modules",
}


# Parameters that came after the freezing, at the values at which nothing has changed.
_CNN_LSTM = {"hop_length": 160, "window": 128, "window_hop": 64, "patience": 25}
_LATER = {"trim": False, "epsilon": None, "scoring": "uar", "all_copies": False}


def system_names():
    """Return the systems that were frozen."""
    return (
        *("acrnn_3d", "alexnet", "blstm_attention", "cnn_lstm", "crnn_attention"),
        *("dcnn_blstm_attention", "fcn_attention", "svm"),
    )


# Systems on the functionals of our own, of which the front end alone was frozen, later.
OURS = ("ours_discriminant", "ours_functionals_svm")
_OF_TIES = ("peak_", "rise_", "fall_")


def steady(names):
    """
    Tell which of our functionals another processor computes alike.

    The synthetic voices are nearly periodic: contours of the voice have plateaus, and rounding
    alone says where on these a maximum or a step is. Which of two periods is marked may hang on it,
    too.
    """
    voice = tuple(f"{x} " for name in (*VOICE, "periodicity") for x in (name, f"delta {name}"))
    ties = tuple(x + functional for x in voice for functional in _OF_TIES)
    marks = tuple(f"{x}{name}" for name in ("jitter", "shimmer") for x in ("", "delta "))
    return np.array([not name.startswith(ties + marks) for name in names])


def noisy(path, seed):
    """Read a recording of 16 bits with noise, of which perfectly periodic voices have none."""
    samples, _ = soundfile.read(path, dtype="int16")
    noise = np.random.default_rng(seed).integers(-100, 101, len(samples), dtype=np.int16)
    return ((samples // 2 + noise) / 2**15).astype(np.float32)


def system(name, variant, **changes):
    """Make a system; `changes` are parameters under the names that were frozen."""
    names = {frozen: name for name, frozen in _FROZEN_NAMES.items()}
    later = {k: v for k, v in _LATER.items() if k in systems.get(name).parameter_names()}
    if name == "crnn_attention":
        # It trimmed recordings from the first.
        del later["trim"]
    if name in OURS:
        # Frozen as they are.
        later = {}
    if name == "cnn_lstm" and variant == "default":
        later |= _CNN_LSTM
    later |= {names.get(k, k): v for k, v in changes.items()}
    return systems.make(name, variant=variant, **later)


def declared(system):
    """Say in plain values what a system declares and what reaches its training."""
    training = system.classifier(0).get_params(deep=False)
    neural = training.pop("network", None) is not None
    parameters = {_FROZEN_NAMES.get(k, k): v for k, v in system.parameters.items()}
    network = {_NETWORK_NAMES.get(k, k): v for k, v in system.parameters.items()}
    if neural:
        parameters["learning_rate"] = system.initial_learning_rate
        network |= {"segments": system.segmented, "by_position": system.segmented}
    if system.name == "svm":
        parameters["rate"] = system.sample_rate
    if system.name == "dcnn_blstm_attention":
        parameters["resize"] = network["side"] = system.side
    if system.name == "blstm_attention":
        network["dense"] = [system.dense] * 2
    if hasattr(system, "channels"):
        network["channels"] = system.channels
    return _plain(
        {
            "parameters": parameters,
            "normalisation": system.normalisation,
            "needs_development": system.needs_development,
            "prefix": system.target_prefix,
            "training_copies": len(system.training_copies),
            "published": [[getattr(each, name) for name in _FIGURE] for each in system.published],
            "rate": system.front_end.sample_rate,
            "dtype": system.front_end.dtype,
            # The front end of dcnn_blstm_attention as published has none.
            "feature_names": getattr(system.front_end, "feature_names", ()),
            "network": network if neural else None,
            "training": training,
        }
    )


def candidates(name):
    """Return what is tried when a system is tuned: changes of parameters by title."""
    trials = systems.get(name).search_space
    return _plain(
        {
            title: {_FROZEN_NAMES.get(k, k): v for k, v in changes.items()}
            for title, changes in trials.items()
        }
    )


def _plain(value):
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "items"):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def synthetic_corpus(speakers=3):
    return load_corpus("synthetic", speakers=speakers, takes=1)


def front_end_output(system, path, *, copy=None, dtype=None):
    """
    Compute what the front end makes of a recording, named by its file: shape (n, *item).

    `copy` is the number of an altered copy that training alone sees; `dtype` stands in place of
    the system's own.
    """
    front_end = system.front_end if copy is None else system.training_copies[copy]
    if dtype is not None:
        front_end = dataclasses.replace(front_end, dtype=dtype)
    recording = decode(path, sample_rate=front_end.sample_rate)
    return front_end(recording.signal, Path(path).stem)


def network(system, item_shape, n_classes):
    """Build the network of seed 0."""
    from ser_lib.neural.training import seeded

    with seeded(0):
        return system.build(item_shape, n_classes)


def posteriors(system, network, recordings, n_classes):
    """Apply an untrained network by the library's own scaling, batches, masks, pooling."""
    X = RaggedArray.from_list(recordings)
    classifier = system.classifier(0)
    classifier._set_network(network)
    classifier.classes_ = np.arange(n_classes)
    classifier._item_shape = X.item_shape
    classifier._scaling = fit_scaling(X) if classifier.scale else None
    return classifier.predict_proba(X)


def machine(system, rows, labels, groups, unheard):
    """
    Fit the support vector machine to a table.

    Returns posteriors of the rows `unheard`, numbers that the machine stores, points of the grid;
    and what it chose.
    """
    classifier = system.classifier(0).fit(rows, labels, groups=groups)
    grid = len(classifier.C) * len(classifier.gamma)
    chosen = {"classes": [str(label) for label in classifier.classes_]} | classifier.search_
    return classifier.predict_proba(unheard), classifier.n_parameters_, grid, _plain(chosen)


def train_fold(system, corpus, train, development, test, seed):
    """Train one fold, given as names of utterances; posteriors of the test and the history."""
    found = extract(corpus, [system.front_end, *system.training_copies], progress=False)
    per_utterance = system.normalisation == "utterance"
    found = [
        normalise(features, system.normalisation, corpus.table, per_utterance=per_utterance)
        for features in found
    ]
    data = FoldData(corpus.table, corpus.classes, found[0], tuple(found[1:]))
    positions = [corpus.table.index.get_indexer(part) for part in (train, development, test)]
    classifier = fit_fold(system, data, protocols.Fold("golden", *positions), seed)
    return classifier.predict_proba(found[0].take(positions[2])), classifier.history_


def evaluation(predictions):
    """Return every table and series of scores that was frozen, by name."""
    found = Evaluation(predictions)
    names = ("scores", "by_condition", "by_fold", "by_speaker", "per_class", "confusion")
    tables = {name: getattr(found, name)() for name in names}
    # The cross-entropy came later.
    return {name: table.filter(regex="^(?!cross_entropy)") for name, table in tables.items()}


def compare(first, second, metric, **options):
    """Compare two systems: difference, low, high, p, speakers, whether p is exact."""
    found = compare_systems(first, second, metric, **options)
    return found.difference, found.low, found.high, found.p, found.speakers, found.exact


def sign_flip_p(terms, **options):
    """Test a sum of paired differences by the signs of its terms."""
    return sign_flip(lambda signs: signs @ terms, len(terms), **options)


def protocol_names():
    return protocols.names()


def folds(name, table, *, seed, **options):
    """Divide a corpus; a list of (name, train, development, test), positions in the table."""
    made = protocols.make(name, **options).folds(table, seed=seed)
    return [(fold.name, fold.train, fold.development, fold.test) for fold in made]


def fixture_corpora(folder):
    """Write a tiny version of every corpus; the corpus by its name, or by name and option."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "corpora"))
    import tiny_corpora as tiny

    found = {}
    with ExitStack() as patches:
        # As if no more than this had been published.
        patches.enter_context(mock.patch.object(iemocap, "UTTERANCES", len(tiny.IEMOCAP)))
        for name in tiny.TREES:
            tree = tiny.Tree(name, Path(folder) / name)
            tiny.TREES[name](tree.data)
            if name in ("emodb", "ravdess"):
                index = Path(folder) / f"index of {name}"
                tiny.publish(index, tree.files)
                patches.enter_context(mock.patch.object(discovery, "INDICES", index))
            found[name] = tree.load()
            for subset in _SUBSETS.get(name, ()):
                found[f"{name}, {subset}"] = tree.load(subset=subset)
    return found


_SUBSETS = {"ravdess": ("calm_as_neutral",), "iemocap": ("improvised_4", "all")}

"""A trained classifier as files without code, and back again."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.archives import check_archive
from ser_lib.errors import InputError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

KERAS = "classifier"
"""Folder of a network as `ser_lib.neural.NeuralClassifier.save` writes it."""
ONNX = "network.onnx"
SVM = "svm.skops"
DISCRIMINANT = "discriminant.npz"

FILES = (
    *(f"{KERAS}/{name}" for name in ("network.keras", "scaling.npz", "classifier.json")),
    ONNX,
    SVM,
    DISCRIMINANT,
)
"""All files that a classifier may consist of."""

# The functions and steps that an SVM's file names; besides these, skops makes nothing of it but
# arrays and estimators of scikit-learn.
_TRUSTED = [
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.metrics.pairwise.linear_kernel",
    "ser_lib.systems.functionals_svm.signed_power",
]


def write_fitted(classifier: object, folder: Path) -> tuple[dict[str, object], str | None]:
    """
    Write a fitted classifier into a folder.

    Returns
    -------
    state : dict
        What `read_fitted` needs besides the files.
    note : str or None
        Why Keras, not ONNX Runtime, will apply a network; None where this is not so.

    Raises
    ------
    InputError
        If the classifier is none of this package.
    """
    from ser_lib.neural import NeuralClassifier
    from ser_lib.recognition.discriminants import write_discriminant
    from ser_lib.recognition.networks import export
    from ser_lib.systems.discriminant import DiscriminantClassifier
    from ser_lib.systems.statistics_svm import CalibratedPipeline

    targets = classifier.classes_.tolist()
    if isinstance(classifier, NeuralClassifier):
        classifier.save(folder / KERAS)
        note = export(classifier, folder / ONNX)
        state = {
            "kind": "network",
            "runtime": "onnx" if note is None else "keras",
            "item_shape": list(classifier._item_shape),
            "pool": classifier.pool,
            "batch_size": classifier.batch_size,
            "n_parameters": classifier.n_parameters_,
        }
        return {**state, "targets": targets}, note
    if not isinstance(classifier, CalibratedPipeline):
        raise InputError(
            f"{type(classifier).__name__} cannot be stored; expected the classifier of a system"
        )
    state = {
        "parameters": classifier.get_params(),
        "search": classifier.search_,
        "temperature": classifier.temperature_,
        "n_parameters": classifier.n_parameters_,
        "targets": targets,
    }
    if isinstance(classifier, DiscriminantClassifier):
        write_discriminant(classifier, folder / DISCRIMINANT)
        state |= {"kind": "discriminant"}
    else:
        import skops.io

        skops.io.dump(classifier.pipeline_, folder / SVM)
        named = {"kind": "svm", "class": type(classifier).__name__}
        state |= {**named, "probe": _probe(classifier.pipeline_)}
    return json.loads(json.dumps(state, default=_plain)), None


def _plain(value: object) -> object:
    return value.item()


def read_fitted(folder: Path, state: Mapping[str, object]) -> object:
    """
    Read a classifier that `write_fitted` wrote; nothing in the files is run.

    Returns
    -------
    classifier
        With ``predict_proba`` and ``classes_``; beside these, of a network ``attention`` and
        ``embed``, of discriminant analysis ``contributions`` and ``embed``, of a support vector
        machine ``embed``.

    Raises
    ------
    InputError
        If a file is not what it should be.
    """
    try:
        if state["kind"] == "discriminant":
            return _read_discriminant(folder / DISCRIMINANT, state)
        if state["kind"] == "svm":
            return _read_svm(folder / SVM, state)
        if state["runtime"] == "keras":
            from ser_lib.neural import NeuralClassifier

            return NeuralClassifier.load(folder / KERAS)
        return _read_onnx(folder, state)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{folder}: the classifier cannot be read ({type(error).__name__}: {error}); expected "
            "one that `ser train` wrote"
        ) from error


def item_shape_of(classifier: object) -> tuple[int, ...]:
    """Return the shape of the items that a classifier of `read_fitted` takes: frames or vectors."""
    if hasattr(classifier, "n_features_in_"):
        return (classifier.n_features_in_,)
    return classifier._item_shape


def _read_onnx(folder: Path, state: Mapping[str, object]) -> object:
    from ser_lib.neural.saving import read_scaling
    from ser_lib.recognition.networks import OnnxClassifier

    return OnnxClassifier(
        folder / ONNX,
        classes=state["targets"],
        item_shape=tuple(state["item_shape"]),
        pool=state["pool"],
        batch_size=state["batch_size"],
        scaling=read_scaling(folder / KERAS / "scaling.npz"),
    )


def _read_discriminant(path: Path, state: Mapping[str, object]) -> object:
    from ser_lib.recognition.discriminants import StoredDiscriminant

    return StoredDiscriminant(path, classes=state["targets"], temperature=state["temperature"])


def _probe(pipeline: "Pipeline") -> list[float]:
    """Compute the decision values of a row of numbers from -1 to 1."""
    return pipeline.decision_function(np.linspace(-1, 1, pipeline.n_features_in_)[None]).tolist()


def _read_svm(path: Path, state: Mapping[str, object]) -> object:
    import sklearn
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    from ser_lib.systems.functionals_svm import FunctionalsSVM
    from ser_lib.systems.statistics_svm import StatisticsSVM

    classes = {kind.__name__: kind for kind in (StatisticsSVM, FunctionalsSVM)}
    classifier = classes[state["class"]](**state["parameters"])
    check_archive(path)
    try:
        strange = set(skops.io.get_untrusted_types(file=path)) - set(_TRUSTED)
        if strange:
            raise InputError(
                f"{path}: holds {', '.join(sorted(map(str, strange)))}; expected nothing but the "
                "steps of a support vector machine"
            )
        with warnings.catch_warnings():
            # What another version of scikit-learn may change is found out below.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            pipeline = skops.io.load(path, trusted=_TRUSTED)
        expected = [(name, type(step)) for name, step in classifier._pipeline().steps]
        if [(name, type(step)) for name, step in pipeline.steps] != expected:
            raise InputError(
                f"{path}: holds other steps than the support vector machine of ser_lib"
            )
        if not np.allclose(_probe(pipeline), state["probe"], atol=1e-6):
            raise InputError(
                f"{path}: scikit-learn {sklearn.__version__} makes other decisions of it than the "
                "version that wrote it; expected that version, which the card of the model names"
            )
    except InputError:
        raise
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(f"{path}: {error}; expected a file written by skops") from error
    classifier.pipeline_, classifier.classes_ = pipeline, np.array(state["targets"])
    classifier.search_, classifier.temperature_ = state["search"], float(state["temperature"])
    classifier.n_parameters_ = state["n_parameters"]
    classifier.n_features_in_ = pipeline.n_features_in_
    return classifier

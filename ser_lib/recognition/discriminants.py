"""A fitted discriminant analysis as an archive of arrays, applied without scikit-learn."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.archives import check_archive
from ser_lib.errors import InputError
from ser_lib.features.quantiles import normal_quantiles
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    from ser_lib.systems.discriminant import DiscriminantClassifier

# Arrays of the file, and their dimensions.
_ARRAYS = {"references": 2, "mean": 1, "directions": 2, "class_means": 2}


def write_discriminant(classifier: "DiscriminantClassifier", path: Path) -> None:
    """Write what `StoredDiscriminant` reads."""
    analysis = classifier.pipeline_["discriminant"]
    np.savez(
        path,
        references=classifier.pipeline_["quantiles"].references_,
        mean=analysis.mean_,
        directions=analysis.directions_,
        class_means=analysis.class_means_,
    )


class StoredDiscriminant:
    """
    Apply a discriminant analysis to rows, as the `DiscriminantClassifier` that it comes from does.

    Parameters
    ----------
    path : path
        File that `write_discriminant` wrote.
    classes : sequence of str
        Labels, in the order of the posteriors.
    temperature : float
        By which decision values are divided.

    Raises
    ------
    InputError
        If the file is not such a file.
    """

    def __init__(self, path: str | os.PathLike, *, classes: list[str], temperature: float):
        self.path = Path(path)
        self.classes_ = np.array(classes)
        self.temperature_ = float(temperature)
        arrays = _read(self.path)
        self.references, self.mean = arrays["references"], arrays["mean"]
        self.directions, self.class_means = arrays["directions"], arrays["class_means"]
        features, units = self.directions.shape
        self.n_features_in_ = features
        shapes = (self.references.shape[1], self.mean.shape, self.class_means.shape)
        if shapes != (features, (features,), (len(classes), units)):
            raise InputError(
                f"{self.path}: arrays of shapes "
                f"{', '.join(str(arrays[name].shape) for name in _ARRAYS)}; expected those of one "
                f"analysis of {len(classes)} classes"
            )

    def predict_proba(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return posteriors, shape (rows, classes), in the order of ``classes_``."""
        from scipy.special import softmax

        apart = self._coordinates(X)[:, None] - self.class_means
        return softmax(-np.square(apart).sum(axis=2) / 2 / self.temperature_, axis=1)

    def embed(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return rows along the directions, shape (rows, units), in single precision."""
        return self._coordinates(X).astype(np.float32)

    def contributions(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """
        Tell how much each feature speaks for each class.

        The logarithm of a posterior, above the mean of these logarithms over classes, is linear in
        the normal quantiles of the features. A feature contributes its quantile times its
        coefficient: nothing where it has the median of the training rows (or, where many of them
        are tied there, next to nothing). All contributions to a class sum to the logarithm of its
        posterior above the mean of these logarithms over classes, less the same of a row whose
        quantiles are all 0.

        Parameters
        ----------
        X : RaggedArray or ndarray, shape (rows, features)

        Returns
        -------
        ndarray, shape (rows, classes, features)
            In the order of ``classes_``.
        """
        means = self.class_means - self.class_means.mean(axis=0)
        coefficients = means @ self.directions.T / self.temperature_
        return self._quantiles(X)[:, None] * coefficients

    def _quantiles(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        rows = X.stack() if isinstance(X, RaggedArray) else np.asarray(X)
        return normal_quantiles(rows.reshape(len(rows), -1), self.references)

    def _coordinates(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        return (self._quantiles(X) - self.mean) @ self.directions


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read arrays of numbers, or refuse what else a file holds."""
    check_archive(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(f"{path}: cannot be read ({error}); expected arrays of numbers") from error
    found = {name: array.ndim for name, array in arrays.items()}
    known = all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values())
    if found != _ARRAYS or not known:
        raise InputError(
            f"{path}: holds {', '.join(found) or 'nothing'}; expected finite numbers: "
            f"{', '.join(_ARRAYS)}"
        )
    return arrays

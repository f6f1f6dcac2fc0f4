"""Discriminant directions of openSMILE's functionals under a support vector machine."""

import dataclasses
from typing import ClassVar

from ser_lib.features.front_end import FrontEnd
from ser_lib.features.open_smile import SETS
from ser_lib.params import choice, flag, integer, param, real, several
from ser_lib.systems.base import System
from ser_lib.systems.discriminant_svm import DiscriminantSVM
from ser_lib.systems.opensmile_svm import CITATION, OpensmileSvm
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpensmileDiscriminantSvm(System):
    """
    Functionals of openSMILE under the classifier of `OursDiscriminantSvm`: a baseline.

    It tells what our functionals give from what our classifier gives. The defaults are those of
    `OursDiscriminantSvm`. Computing the features needs the package opensmile (extra
    ``baselines``).
    """

    name: ClassVar[str] = "opensmile_discriminant_svm"
    title: ClassVar[str] = "SVM on discriminant directions of openSMILE's functionals (baseline)"
    citation: ClassVar[str] = CITATION
    deviations: ClassVar[tuple[str, ...]] = (
        CHOSEN_ON_DEVELOPMENT.format(
            choices="the classifier, whose shrinkage and penalty were chosen for "
            "ours_discriminant_svm"
        ),
    )

    functionals: str = param(
        "compare", choice(*SETS), "ComParE 2016 (6373 functionals) or eGeMAPSv02 (88)."
    )
    shrinkage: float = param(
        0.2, real(above=0, high=0.9), "Share of the sphere in the covariance within classes."
    )
    C: tuple[float, ...] = param(
        (1e-3,), several(real(above=0), low=1), "Penalties; of several, the inner folds choose."
    )
    balanced: bool = param(
        True, flag(), "Whether the machine weighs classes by the inverse of their frequency."
    )
    folds: int = param(5, integer(low=2), "Inner folds of training speakers that calibrate.")

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return OpensmileSvm(functionals=self.functionals).front_end

    def classifier(self, seed: int = 0) -> DiscriminantSVM:
        """Make a `DiscriminantSVM`; see `System.classifier`."""
        names = [name for name in DiscriminantSVM().get_params() if name != "seed"]
        return DiscriminantSVM(**{name: getattr(self, name) for name in names}, seed=seed)

"""Discriminant directions of openSMILE's functionals under a support vector machine."""

import dataclasses
from typing import ClassVar

from ser_lib.features.front_end import FrontEnd
from ser_lib.features.open_smile import SETS
from ser_lib.params import choice, param
from ser_lib.systems.discriminant_svm import DiscriminantSystem
from ser_lib.systems.opensmile_svm import CITATION, OpensmileSvm
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpensmileDiscriminantSvm(DiscriminantSystem):
    """
    Functionals of openSMILE under the classifier of `OursDiscriminantSvm`: a baseline.

    It tells what our functionals give from what our classifier gives. The defaults are those of
    `OursDiscriminantSvm`. Computing the features needs the package opensmile (extra
    ``baselines``).
    """

    name: ClassVar[str] = "opensmile_discriminant_svm"
    title: ClassVar[str] = "SVM on discriminant directions of openSMILE's functionals (baseline)"
    citation: ClassVar[str] = CITATION
    extra: ClassVar[str] = OpensmileSvm.extra
    deviations: ClassVar[tuple[str, ...]] = (
        CHOSEN_ON_DEVELOPMENT.format(
            choices="the classifier, whose shrinkage and penalty were chosen for "
            "ours_discriminant_svm"
        ),
    )

    functionals: str = param(
        "compare", choice(*SETS), "ComParE 2016 (6373 functionals) or eGeMAPSv02 (88)."
    )

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return OpensmileSvm(functionals=self.functionals).front_end

"""Shrunken discriminant analysis of openSMILE's functionals."""

import dataclasses
from typing import ClassVar

from ser_lib.features.front_end import FrontEnd
from ser_lib.features.open_smile import SETS
from ser_lib.params import choice, param
from ser_lib.systems.discriminant import DiscriminantSystem
from ser_lib.systems.opensmile_svm import CITATION, OpensmileSvm
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT, UNTRIMMED


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpensmileDiscriminant(DiscriminantSystem):
    """
    Functionals of openSMILE under the classifier of `OursDiscriminant`: a baseline.

    It tells what our functionals give from what our classifier gives, beside the row of
    `OursDiscriminant` with ``trim`` False: openSMILE reads recordings whole, not cut to the voice.
    The other defaults are those of `OursDiscriminant`. Computing the features needs the package
    opensmile (extra ``baselines``).
    """

    name: ClassVar[str] = "opensmile_discriminant"
    title: ClassVar[str] = "Discriminant analysis of openSMILE's functionals (baseline)"
    citation: ClassVar[str] = CITATION
    extra: ClassVar[str] = OpensmileSvm.extra
    deviations: ClassVar[tuple[str, ...]] = (
        UNTRIMMED,
        CHOSEN_ON_DEVELOPMENT.format(
            choices="the classifier, which was chosen for ours_discriminant"
        ),
    )

    functionals: str = param(
        "compare", choice(*SETS), "ComParE 2016 (6373 functionals) or eGeMAPSv02 (88)."
    )

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return OpensmileSvm(functionals=self.functionals).front_end

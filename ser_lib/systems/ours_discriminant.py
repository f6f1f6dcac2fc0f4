"""Shrunken discriminant analysis of our functionals."""

import dataclasses
from typing import ClassVar

from ser_lib.features.front_end import FrontEnd
from ser_lib.params import flag, param
from ser_lib.systems.discriminant import DiscriminantSystem
from ser_lib.systems.ours_functionals_svm import CITATION, OursFunctionalsSvm
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class OursDiscriminant(DiscriminantSystem):
    """
    Shrunken discriminant analysis of functionals of speech descriptors.

    The functionals are those of `OursFunctionalsSvm`. Each is replaced by the normal quantile of
    its rank; discriminant analysis, whose covariance within classes is shrunken, finds the
    directions along which emotions differ most and recordings of one emotion, by whomever, least.
    There, a recording has the emotion whose mean is nearest. This is a system of our own, not a
    published one.
    """

    name: ClassVar[str] = "ours_discriminant"
    title: ClassVar[str] = "Discriminant analysis of our functionals"
    citation: ClassVar[str] = CITATION
    deviations: ClassVar[tuple[str, ...]] = (
        CHOSEN_ON_DEVELOPMENT.format(
            choices="the functionals, their quantiles, discriminant analysis instead of a support "
            "vector machine, its shrinkage"
        ),
    )

    trim: bool = param(True, flag(), "Whether what precedes and follows the voice is cut off.")
    deltas: bool = param(
        True, flag(), "Whether the first derivatives of the descriptors are added."
    )
    search_space: ClassVar[dict[str, dict[str, object]]] = {
        "default": {},
        "shrinkage 0.1": {"shrinkage": 0.1},
        "shrinkage 0.4": {"shrinkage": 0.4},
        "16 quantiles": {"n_quantiles": 16},
        "256 quantiles": {"n_quantiles": 256},
        "no derivatives": {"deltas": False},
        "not trimmed": {"trim": False},
    }

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return OursFunctionalsSvm(trim=self.trim, deltas=self.deltas).front_end

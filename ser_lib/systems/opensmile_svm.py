"""Baseline: the functionals of openSMILE under a support vector machine."""

import dataclasses
from typing import ClassVar

from ser_lib.features.front_end import FrontEnd
from ser_lib.features.open_smile import SETS, OneVector, OpenSmile
from ser_lib.params import choice, flag, integer, optional, param, real, several
from ser_lib.systems.base import System
from ser_lib.systems.functionals_svm import FunctionalsSVM
from ser_lib.systems.sources import UNTRIMMED

CITATION = r"""@article{eyben2016geneva,
  title   = {The {Geneva} minimalistic acoustic parameter set ({GeMAPS}) for voice research and
             affective computing},
  author  = {Eyben, Florian and Scherer, Klaus R. and Schuller, Bj{\"o}rn W. and others},
  journal = {IEEE Transactions on Affective Computing},
  volume  = {7},
  number  = {2},
  pages   = {190--202},
  year    = {2016}
}
@inproceedings{schuller2016compare,
  title     = {The {INTERSPEECH} 2016 computational paralinguistics challenge: Deception, sincerity
               \& native language},
  author    = {Schuller, Bj{\"o}rn and Steidl, Stefan and Batliner, Anton and others},
  booktitle = {Proc. Interspeech 2016},
  pages     = {2001--2005},
  year      = {2016}
}"""
# Without a search: what is usual for these functionals.
PENALTY = {"linear": 1e-3, "rbf": 3.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpensmileSvm(System):
    """
    Functionals of openSMILE under a support vector machine: a baseline.

    eGeMAPSv02 (Eyben et al. 2016) or ComParE 2016 (Schuller et al. 2016), scaled by the training
    speakers, and a linear or RBF support vector machine. Computing the features needs the package
    opensmile (extra ``baselines``).
    """

    name: ClassVar[str] = "opensmile_svm"
    title: ClassVar[str] = "SVM on openSMILE's functionals (baseline)"
    citation: ClassVar[str] = CITATION
    deviations: ClassVar[tuple[str, ...]] = (UNTRIMMED,)
    extra: ClassVar[str] = "baselines"

    functionals: str = param(
        "compare", choice(*SETS), "ComParE 2016 (6373 functionals) or eGeMAPSv02 (88)."
    )
    kernel: str = param(
        "linear", choice(*PENALTY), "Kernel of the machine; the RBF's width is one over the "
        "total variance.",
    )  # fmt: skip
    C: tuple[float, ...] | None = param(
        None,
        optional(several(real(above=0), low=1)),
        "Penalties of the grid; with None, 0.001 for the linear and 3 for the RBF kernel.",
    )
    balanced: bool = param(
        True, flag(), "Whether classes are weighted by the inverse of their frequency."
    )
    folds: int = param(5, integer(low=2), "Inner folds of training speakers that calibrate.")

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return FrontEnd(analysis=OpenSmile(functionals=self.functionals), segmentation=OneVector())

    def classifier(self, seed: int = 0) -> FunctionalsSVM:
        """Make a `FunctionalsSVM`; see `System.classifier`."""
        C = self.C or (PENALTY[self.kernel],)
        return FunctionalsSVM(
            kernel=self.kernel, C=C, balanced=self.balanced, folds=self.folds, seed=seed
        )

"""Our functionals of speech descriptors under a support vector machine."""

import dataclasses
from typing import ClassVar

from ser_lib.features.contour_functionals import ContourFunctionals
from ser_lib.features.front_end import FrontEnd
from ser_lib.features.speech_descriptors import SpeechDescriptors
from ser_lib.params import choice, flag, integer, param, real, several
from ser_lib.signal import PitchShift, SpeedPerturbation, TrimToVoice
from ser_lib.systems.base import System
from ser_lib.systems.functionals_svm import FunctionalsSVM
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT

CITATION = r"""@misc{ser_lib,
  title = {ser\_lib: speech emotion recognition on unseen speakers},
  author = {{The ser\_lib authors}},
  year  = {2026},
  note  = {A system of our own; formulas after Eyben (2016), Real-time speech and music
           classification by large audio feature space extraction, and Boersma (1993)}
}"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OursFunctionalsSvm(System):
    """
    Functionals of speech descriptors under a support vector machine.

    82 descriptors of frames of 25 ms every 10 ms (energy, spectral shape, mel bands, MFCCs, and of
    voiced frames pitch, harmonicity, jitter, shimmer and harmonic differences) and their first
    derivatives, 32 functionals of each and seven numbers on timing, then scaling and a linear
    support vector machine. This is a system of our own, not a published one, in the manner of
    openSMILE's large feature sets.
    """

    name: ClassVar[str] = "ours_functionals_svm"
    title: ClassVar[str] = "SVM on our functionals"
    citation: ClassVar[str] = CITATION
    deviations: ClassVar[tuple[str, ...]] = (
        CHOSEN_ON_DEVELOPMENT.format(
            choices="the descriptors and functionals, a linear kernel with a penalty of 0.001, no "
            "power or length normalisation, no copies"
        ),
    )

    trim: bool = param(True, flag(), "Whether what precedes and follows the voice is cut off.")
    deltas: bool = param(
        True, flag(), "Whether the first derivatives of the descriptors are added."
    )
    kernel: str = param("linear", choice("linear", "rbf"), "Kernel of the machine.")
    C: tuple[float, ...] = param(
        (1e-3,),
        several(real(above=0), low=1),
        "Penalties; of several, the inner folds choose.",
    )
    gamma: tuple[float, ...] = param(
        (1e-4,), several(real(above=0), low=1), "Widths of the RBF kernel of the grid."
    )
    power: float = param(
        1.0,
        real(above=0, high=1),
        "Each scaled value z becomes ``sign(z) |z|**power``; 1 for no change.",
    )
    unit_length: bool = param(
        False, flag(), "Whether each vector is divided by its length after scaling."
    )
    balanced: bool = param(
        True, flag(), "Whether classes are weighted by the inverse of their frequency."
    )
    folds: int = param(
        5, integer(low=2), "Inner folds of training speakers that choose C and calibrate."
    )
    augmented_copies: int = param(
        0, integer(low=0, high=99), "Altered copies of each training utterance."
    )
    speed_change: float = param(
        0.1,
        real(low=0, high=0.9),
        "Fraction by which copies are played slower or faster at most, which moves rate, pitch and "
        "vocal tract together.",
    )
    pitch_change: float = param(
        0.0,
        real(low=0, high=24),
        "Semitones by which copies are higher or lower at most at the same rate.",
    )

    search_space: ClassVar[dict[str, dict[str, object]]] = {
        "default": {},
        "C 0.0003": {"C": (3e-4,)},
        "C 0.003": {"C": (3e-3,)},
        "C searched": {"C": (3e-4, 1e-3, 3e-3)},
        "no derivatives": {"deltas": False},
        "not trimmed": {"trim": False},
        "square root": {"power": 0.5},
        "unit length": {"unit_length": True, "C": (3,)},
        "square root, unit length": {"power": 0.5, "unit_length": True, "C": (3,)},
        "RBF": {"kernel": "rbf", "C": (10,), "gamma": (1e-4,)},
        "2 copies": {"augmented_copies": 2},
        "2 copies, speed 0.2": {"augmented_copies": 2, "speed_change": 0.2},
        "2 copies, pitch 2": {"augmented_copies": 2, "pitch_change": 2},
    }

    @property
    def front_end(self) -> FrontEnd:
        """One vector of functionals per utterance."""
        return FrontEnd(
            preprocessing=(TrimToVoice(),) if self.trim else (),
            analysis=SpeechDescriptors(deltas=self.deltas),
            segmentation=ContourFunctionals(),
        )

    @property
    def training_copies(self) -> tuple[FrontEnd, ...]:
        """Front ends of copies at another speed and pitch, for training only."""

        def steps(copy: int) -> list:
            speed, pitch = self.speed_change, self.pitch_change
            return [
                *([SpeedPerturbation(max_change=speed, copy=copy)] if speed else []),
                *([PitchShift(semitones=pitch, copy=copy)] if pitch else []),
            ]

        return tuple(
            self.front_end.degraded(*steps(copy)) for copy in range(1, self.augmented_copies + 1)
        )

    def classifier(self, seed: int = 0) -> FunctionalsSVM:
        """Make a `FunctionalsSVM`; see `System.classifier`."""
        return self.configured(FunctionalsSVM, seed=seed)

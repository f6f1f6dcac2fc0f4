"""Baseline: the most frequent class, whatever the recording."""

import dataclasses
from typing import ClassVar

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from ser_lib.features import Descriptors, FrontEnd, Functionals
from ser_lib.systems.base import System

CITATION = r"""@misc{ser_lib,
  title = {ser\_lib: speech emotion recognition on unseen speakers},
  author = {{The ser\_lib authors}},
  year  = {2026}
}"""


class MajorityClassifier(ClassifierMixin, BaseEstimator):
    """Give every utterance the frequencies of the classes among the training rows."""

    def fit(self, X, y, *, groups=None, validation=None, copies=()) -> "MajorityClassifier":
        """Count the labels of the training rows; nothing else is looked at."""
        self.prior_ = DummyClassifier(strategy="prior").fit(X, y)
        self.classes_ = self.prior_.classes_
        self.n_parameters_ = len(self.classes_)
        return self

    def predict_proba(self, X):
        """Return the frequencies of the classes, shape (utterances, classes)."""
        return self.prior_.predict_proba(range(len(X)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Majority(System):
    """The most frequent class of the training rows: what a system must beat."""

    name: ClassVar[str] = "majority"
    title: ClassVar[str] = "majority class (baseline)"
    citation: ClassVar[str] = CITATION

    @property
    def front_end(self) -> FrontEnd:
        """One number per utterance, which is not used."""
        energy = Descriptors(subset=("energy",))
        return FrontEnd(analysis=energy, segmentation=Functionals(statistics=("mean",)))

    def classifier(self, seed: int = 0) -> MajorityClassifier:
        """Make a classifier that knows the frequencies of the classes; nothing is random."""
        return MajorityClassifier()

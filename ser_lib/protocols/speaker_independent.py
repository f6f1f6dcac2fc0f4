"""Protocols that test whole speakers, sessions or pairs of speakers in turn."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed
from ser_lib.protocols.base import Fold, Protocol, fold_of_groups
from ser_lib.protocols.columns import (
    natural_key,
    required_column,
    required_groups,
    sexes_of,
)
from ser_lib.protocols.development import balanced_folds, with_development
from ser_lib.protocols.parts import named_folds


def rotate(groups: np.ndarray, prefix: str) -> Iterator[Fold]:
    """Test each group in turn, with the next one for development; of only two, none is."""
    names = sorted(set(groups), key=natural_key)
    for i, name in enumerate(names):
        development = [names[(i + 1) % len(names)]] if len(names) > 2 else []
        yield fold_of_groups(f"{prefix}{name}", groups, [name], development)


def _next_of_opposite_sex(speaker: str, names: list[str], sexes: Mapping[str, str | None]) -> str:
    """Find the next speaker of the opposite sex, going round; the next of all if there is none."""
    i = names.index(speaker)
    following = names[i + 1 :] + names[:i]
    own = sexes[speaker]
    others = (s for s in following if own is not None and sexes[s] not in (None, own))
    return next(others, following[0])


def _partners(table: pd.DataFrame, speakers: np.ndarray) -> dict[str, str]:
    """Find the other speaker of each one's session, if all sessions have two of their own."""
    if "session" not in table or table["session"].isna().any():
        return {}
    pairs = pd.DataFrame({"session": table["session"].astype(str).to_numpy(), "speaker": speakers})
    sessions = pairs.drop_duplicates().groupby("session")["speaker"].agg(list)
    if any(len(pair) != 2 for pair in sessions) or 2 * len(sessions) != len(set(speakers)):
        return {}
    return {one: other for pair in sessions for one, other in (pair, pair[::-1])}


@dataclass(frozen=True)
class LeaveOneSpeakerOut(Protocol):
    """
    Test each speaker in turn.

    Development is one further speaker: the next in sorted order of the opposite sex where sexes
    are known, else the next. With ten speakers this is the 8/1/1 scheme of M. Chen et al., IEEE
    Signal Processing Letters 25 (2018), pp. 1440-1444. For example, with two men (m) and two women
    (w)::

        fold   1m     2w     3w     4m
        1m     test   dev    train  train
        2w     train  test   train  dev
        3w     train  train  test   dev
        4m     train  dev    train  test

    Where each session has two speakers of its own, as the dialogues of IEMOCAP have, development is
    the test speaker's partner, who never trains: each can be heard in the other's recordings. This
    is the division of samsudinng/speech_emo_recognition.
    """

    name = "leave_one_speaker_out"
    title = "leave one speaker out"
    description = (
        "Each speaker in turn is tested by a system trained on the others; one of these, of the "
        "opposite sex where sexes are known, is for development. Where two share a session, it is "
        "the partner, who never trains."
    )
    speaker_disjoint = True

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        speakers = required_groups(table, "speaker", self.name, 3)
        sexes = sexes_of(table, speakers)
        names, partners = list(sexes), _partners(table, speakers)
        for speaker in names:
            development = partners.get(speaker) or _next_of_opposite_sex(speaker, names, sexes)
            fold = fold_of_groups(speaker, speakers, [speaker], [development])
            yield dataclasses.replace(fold, development_trains=not partners)


@dataclass(frozen=True)
class SpeakerFolds(Protocol):
    """
    Test folds of several speakers in turn, with the next fold for development.

    For example, six speakers in three folds::

        fold     s1     s2     s3     s4     s5     s6
        fold 1   test   test   dev    dev    train  train
        fold 2   train  train  test   test   dev    dev
        fold 3   dev    dev    train  train  test   test

    Parameters
    ----------
    k : int >= 3, optional
        Number of folds to make, with about equally many utterances of each sex. By default the
        folds named in the table's column ``split`` if there are any (the published folds of the
        corpus), else five are made.

    Raises
    ------
    InputError
        If `k` is not an integer of at least 3.
    """

    name = "speaker_folds"
    title = "speaker-disjoint folds"
    description = (
        "Each fold of speakers in turn is tested by a system trained on the others, of which the "
        "next is for development. The folds are those published with the corpus, else made here."
    )
    speaker_disjoint = True

    _: KW_ONLY
    k: int | None = None

    def __post_init__(self) -> None:
        k = self.k
        if k is None:
            return
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 3:
            raise InputError(f"{self.name}: k is {k!r}; expected an integer of at least 3")
        object.__setattr__(self, "k", int(k))
        object.__setattr__(self, "title", f"{k} speaker-disjoint folds")

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        speakers = required_column(table, "speaker", self.name)
        groups = named_folds(table) if self.k is None else None
        if groups is None:
            k = 5 if self.k is None else self.k
            required_groups(table, "speaker", self.name, k)
            groups = (balanced_folds(table, speakers, k) + 1).astype(str).astype(object)
        pairs = pd.DataFrame({"speaker": speakers, "fold": groups}).drop_duplicates()
        several = pairs.loc[pairs["speaker"].duplicated(), "speaker"].unique()
        if len(several):
            raise InputError(
                f"{self.name}: the folds in the column 'split' divide the utterances of speakers "
                f"{listed(sorted(several, key=natural_key))}; expected each speaker in one fold "
                "(k=5 makes such folds)"
            )
        for fold in rotate(groups, "fold "):
            yield with_development(table, fold, seed, self.name, True)


@dataclass(frozen=True)
class LeaveOneSessionOut(Protocol):
    """
    Test each recording session in turn, with the whole next session for development.

    For example, with four sessions of two speakers each::

        fold        session 1  session 2  session 3  session 4
        session 1   test       dev        train      train
        session 2   train      test       dev        train
        session 3   train      train      test       dev
        session 4   dev        train      train      test

    On IEMOCAP the literature takes development rows from a further session, from one speaker of
    the test session, or at random from the training rows. The two speakers of a session share a
    room, a dialogue and the channel, and each can be heard in the other's recordings: the session
    is the unit that is unknown in use, so that development rows come from one that is as unknown
    to the system as the test session. That leaves three of five sessions for training.

    A vector of groups given to `split` holds sessions; no speaker is then known, and each session
    is taken to have speakers of its own.
    """

    name = "leave_one_session_out"
    title = "leave one session out"
    description = (
        "Each session in turn is tested by a system trained on the others, of which the next is "
        "for development."
    )
    speaker_disjoint = True
    groups_column = "session"

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        sessions = required_groups(table, "session", self.name, 3)
        return rotate(sessions, "session ")

    def _table(self, X: object, y: object, groups: object) -> pd.DataFrame:
        table = super()._table(X, y, groups)
        return table if "speaker" in table else table.assign(speaker=table["session"])


@dataclass(frozen=True)
class LeaveOnePairOut(Protocol):
    """
    Test every pair of a male and a female speaker: 25 overlapping folds with five of each.

    Development is one further pair, of the next male and the next female speaker in sorted order.
    Each utterance is tested once for each speaker of the other sex. The scheme, without
    development, is that of RayanWang/Speech_emotion_recognition_BLSTM. For example, the first of
    nine folds with three men (m) and three women (w)::

        fold    1m     2m     3m     4w     5w     6w
        1m+4w   test   dev    train  test   dev    train
    """

    name = "leave_one_pair_out"
    title = "leave one male-female pair out"
    description = (
        "Every pair of a male and a female speaker is tested by a system trained on the others; "
        "the next male and the next female speaker are for development. Folds overlap."
    )
    speaker_disjoint = True

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        speakers = required_groups(table, "speaker", self.name, 5)
        sexes = sexes_of(table, speakers)
        unknown = [speaker for speaker, sex in sexes.items() if sex is None]
        if unknown:
            raise InputError(
                f"{self.name} needs the sex of every speaker, in the column 'sex' of the corpus "
                f"table; unknown of {listed(unknown)}"
            )
        female, male = ([s for s in sexes if sexes[s] == sex] for sex in ("female", "male"))
        if min(len(female), len(male)) < 2:
            raise InputError(
                f"{self.name} needs at least two speakers of each sex; found {len(female)} female "
                f"({listed(female) or 'none'}) and {len(male)} male ({listed(male) or 'none'})"
            )
        for (i, man), (j, woman) in itertools.product(enumerate(male), enumerate(female)):
            development = [male[(i + 1) % len(male)], female[(j + 1) % len(female)]]
            name = "+".join(sorted((man, woman)))
            yield fold_of_groups(name, speakers, [man, woman], development)

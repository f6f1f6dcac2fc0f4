"""Protocols that test whole speakers, sessions or pairs of speakers in turn."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed
from ser_lib.protocols.base import Fold, Protocol, fold_of_groups
from ser_lib.protocols.columns import (
    listed_groups,
    natural_key,
    required_column,
    required_groups,
    session_groups,
    session_partners,
    sexes_of,
)
from ser_lib.protocols.development import balanced_folds, develop, with_development
from ser_lib.protocols.parts import named_folds


def rotate(groups: np.ndarray, prefix: str, classes: np.ndarray) -> Iterator[Fold]:
    """
    Test each group in turn; of only two, none is for development.

    Of more, it is the next one, or the first after it that leaves every class in training.
    """
    names = sorted(set(groups), key=natural_key)
    for name in names:
        fold = fold_of_groups(f"{prefix}{name}", groups, [name], [])
        following = _following(name, names) if len(names) > 2 else []
        yield develop(fold, classes, (groups[fold.train] == other for other in following))


def _following(name: str, names: Sequence[str]) -> list[str]:
    """List all other names, from the next one on and round."""
    i = names.index(name)
    return [*names[i + 1 :], *names[:i]]


def _opposite_sex_first(speaker: str, sexes: Mapping[str, str | None]) -> list[str]:
    """List all other speakers, from the next one on and round, those of the opposite sex first."""
    own = sexes[speaker]
    following = _following(speaker, list(sexes))
    return sorted(following, key=lambda other: own is None or sexes[other] in (None, own))


def _fold_of_speakers(
    table: pd.DataFrame,
    speakers: np.ndarray,
    partners: Mapping[str, set[str]],
    tested: Sequence[str],
    candidates: Iterable[Sequence[str]],
) -> Fold:
    """
    Test some speakers; whoever shares a session with one of them is for development, not training.

    If nobody does, development is the first of the candidates that leaves every class in training:
    of those together with all who share a session with them, else of those alone.
    """
    name = "+".join(sorted(tested))
    near = set().union(*(partners[speaker] for speaker in tested)) - set(tested)
    if near:
        return fold_of_groups(name, speakers, tested, sorted(near))
    fold = fold_of_groups(name, speakers, tested, [])
    alone, again = itertools.tee(candidates)
    whole = ({*some, *itertools.chain(*(partners[one] for one in some))} for some in again)
    rows = speakers[fold.train]
    every = itertools.chain(whole, alone)
    classes = table["emotion"].to_numpy(dtype=object)
    return develop(fold, classes, (np.isin(rows, list(some)) for some in every))


@dataclass(frozen=True)
class LeaveOneSpeakerOut(Protocol):
    """
    Test each speaker in turn.

    Development is one further speaker: the next in sorted order of the opposite sex where sexes
    are known, else the next; in this order, the first who leaves every class in training.
    With ten speakers this is the 8/1/1 scheme of M. Chen et al., IEEE Signal Processing Letters 25
    (2018), pp. 1440-1444. For example, with two men (m) and two women (w)::

        fold   1m     2w     3w     4m
        1m     test   dev    train  train
        2w     train  test   train  dev
        3w     train  train  test   dev
        4m     train  dev    train  test

    Speakers who share a session can be heard in each other's recordings. Everybody who shares one
    with the test speaker is for development, in place of a further speaker, and never trains: on
    the dialogues of IEMOCAP, the partner, as in samsudinng/speech_emo_recognition. A speaker whose
    sessions are shared with nobody, or unknown, is tested as above; the further speaker then
    takes along all who share a session with him or her, if that leaves every class in training.
    """

    name = "leave_one_speaker_out"
    title = "leave one speaker out"
    description = (
        "Each speaker in turn is tested by a system trained on others. Those who share a session "
        "with the tested speaker are for development and never train; where there are none, a "
        "further speaker is, of the opposite sex if possible, with those who share a session with "
        "that one if training can do without them."
    )
    speaker_disjoint = True

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        speakers = required_groups(table, "speaker", self.name, 3)
        sexes, partners = sexes_of(table, speakers), session_partners(table, speakers)
        for speaker in sexes:
            candidates = ([other] for other in _opposite_sex_first(speaker, sexes))
            yield _fold_of_speakers(table, speakers, partners, [speaker], candidates)


@dataclass(frozen=True)
class SpeakerFolds(Protocol):
    """
    Test folds of several speakers in turn, with the next fold for development.

    If training would lack a class without the next, it is the first after it that leaves all.

    For example, six speakers in three folds::

        fold     s1     s2     s3     s4     s5     s6
        fold 1   test   test   dev    dev    train  train
        fold 2   train  train  test   test   dev    dev
        fold 3   dev    dev    train  train  test   test

    Parameters
    ----------
    k : int >= 3, optional
        Number of folds to make, with about equally many utterances of each sex; speakers who
        share a session, and those who share one with these, are in one fold. By default the folds
        named in the table's column ``split`` if there are any (the published folds of the corpus),
        else five are made.

    Raises
    ------
    InputError
        If `k` is not an integer of at least 3.
    """

    name = "speaker_folds"
    title = "speaker-disjoint folds"
    description = (
        "Each fold of speakers in turn is tested by a system trained on the others, of which the "
        "next (that training can do without) is for development. The folds are those published "
        "with the corpus, else made here without dividing a session."
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
            whole = session_groups(table, speakers)
            if (n := len(set(whole))) < k:
                fewer = f"k={n} or " if n >= 3 else ""
                raise InputError(
                    f"{self.name} needs at least {k} groups of speakers who share no session with "
                    f"others, expected {fewer}leave_one_speaker_out; found {n}: "
                    f"{listed_groups(whole, speakers)}"
                )
            numbers = balanced_folds(table, speakers, whole, k)
            groups = (numbers + 1).astype(str).astype(object)
        pairs = pd.DataFrame({"speaker": speakers, "fold": groups}).drop_duplicates()
        several = pairs.loc[pairs["speaker"].duplicated(), "speaker"].unique()
        if len(several):
            raise InputError(
                f"{self.name}: the folds in the column 'split' divide the utterances of speakers "
                f"{listed(sorted(several, key=natural_key))}; expected each speaker in one fold "
                "(k=5 makes such folds)"
            )
        for fold in rotate(groups, "fold ", table["emotion"].to_numpy(dtype=object)):
            yield with_development(table, fold, seed, self.name, True)


@dataclass(frozen=True)
class LeaveOneSessionOut(Protocol):
    """
    Test each recording session in turn, with the whole next session for development.

    If training would lack a class without the next, it is the first after it that leaves all.

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
        "Each session in turn is tested by a system trained on the others, of which the next "
        "(that training can do without) is for development."
    )
    speaker_disjoint = True
    groups_column = "session"

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        sessions = required_groups(table, "session", self.name, 3)
        return rotate(sessions, "session ", table["emotion"].to_numpy(dtype=object))

    def _table(self, X: object, y: object, groups: object) -> pd.DataFrame:
        table = super()._table(X, y, groups)
        return table if "speaker" in table else table.assign(speaker=table["session"])


@dataclass(frozen=True)
class LeaveOnePairOut(Protocol):
    """
    Test every pair of a male and a female speaker: 25 overlapping folds with five of each.

    Development is one further pair, of the next male and the next female speaker in sorted order;
    or the first after it that leaves every class in training. Whoever shares a session with a
    tested speaker is for development instead, as in `LeaveOneSpeakerOut`, and never trains. Each
    utterance is tested once for each speaker of the other sex. The scheme, without
    development, is that of RayanWang/Speech_emotion_recognition_BLSTM. For example, the first of
    nine folds with three men (m) and three women (w)::

        fold    1m     2m     3m     4w     5w     6w
        1m+4w   test   dev    train  test   dev    train
    """

    name = "leave_one_pair_out"
    title = "leave one male-female pair out"
    description = (
        "Every pair of a male and a female speaker is tested by a system trained on the others; "
        "those who share a session with a tested speaker are for development and never train; "
        "where there are none, a further pair is, with those who share a session with one of it "
        "if training can do without them. Folds overlap."
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
        partners = session_partners(table, speakers)
        for man, woman in itertools.product(male, female):
            candidates = itertools.product(_following(man, male), _following(woman, female))
            yield _fold_of_speakers(table, speakers, partners, [man, woman], candidates)

"""Protocols that test whole speakers, sessions or pairs of speakers in turn."""

import itertools
from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.protocols.base import (
    PARTS,
    Fold,
    Protocol,
    balanced_folds,
    column,
    fold_of_groups,
    groups_of,
    hold_out_speakers,
    listed,
    natural,
    sexes_of,
)


def rotate(names: list[str], groups: np.ndarray, prefix: str) -> Iterable[Fold]:
    """Test each group in turn, with the next one for development."""
    for i, name in enumerate(names):
        yield fold_of_groups(f"{prefix}{name}", groups, [name], [names[(i + 1) % len(names)]])


def _opposite(speaker: str, names: list[str], sexes: Mapping[str, str | None]) -> str:
    """Find the next speaker of the opposite sex, going round; the next of all if there is none."""
    i = names.index(speaker)
    following = names[i + 1 :] + names[:i]
    own = sexes[speaker]
    others = (s for s in following if own is not None and sexes[s] not in (None, own))
    return next(others, following[0])


def _by_speaker(table: pd.DataFrame, seed: int) -> Iterable[Fold]:
    from sklearn.model_selection import LeaveOneGroupOut

    speakers = groups_of(table, "speaker", "leave_one_speaker_out", 3)
    sexes = sexes_of(table, speakers)
    names = list(sexes)
    for _, test in LeaveOneGroupOut().split(speakers, groups=speakers):
        speaker = speakers[test[0]]
        development = _opposite(speaker, names, sexes)
        yield fold_of_groups(speaker, speakers, [speaker], [development])


def leave_one_speaker_out() -> Protocol:
    """
    Test each speaker in turn.

    Development is one further speaker: the next in sorted order of the opposite sex where sexes
    are known, else the next. With ten speakers this is the 8/1/1 scheme of M. Chen et al., IEEE
    Signal Processing Letters 25 (2018), pp. 1440-1444.
    """
    return Protocol(
        "leave_one_speaker_out",
        "leave one speaker out",
        "Each speaker is tested by a system that learnt from the others; one of these, of the "
        "opposite sex where sexes are known, is for development.",
        True,
        _by_speaker,
    )


def named_folds(table: pd.DataFrame) -> np.ndarray | None:
    """Return the column ``split`` if it names folds (not train, dev, test, and not one alone)."""
    if "split" not in table or table["split"].isna().any():
        return None
    names = table["split"].astype(str).to_numpy(dtype=object)
    distinct = set(names)
    return names if len(distinct) > 1 and not distinct & set(PARTS) else None


def _cross_validation(table: pd.DataFrame, groups: np.ndarray, protocol: str) -> Iterable[Fold]:
    """Test each group in turn; of but two, the other gives training and development rows."""
    names = sorted(set(groups), key=natural)
    if len(names) > 2:
        yield from rotate(names, groups, "fold ")
        return
    for name in names:
        fold = fold_of_groups(f"fold {name}", groups, [name], [])
        yield hold_out_speakers(table, fold, protocol)


def _by_fold(table: pd.DataFrame, seed: int, *, k: int | None) -> Iterable[Fold]:
    protocol = "speaker_folds"
    speakers = column(table, "speaker", protocol)
    published = named_folds(table) if k is None else None
    if published is not None:
        homes = pd.DataFrame({"speaker": speakers, "fold": published}).drop_duplicates()
        several = sorted(homes.loc[homes["speaker"].duplicated(), "speaker"].unique(), key=natural)
        if several:
            raise InputError(
                f"{protocol}: the folds in the column 'split' divide the utterances of speakers "
                f"{listed(several)}; expected each speaker in one fold (k=5 makes such folds)"
            )
        return _cross_validation(table, published, protocol)
    k = 5 if k is None else k
    groups_of(table, "speaker", protocol, k)
    numbers = balanced_folds(table, speakers, k)
    return _cross_validation(table, (numbers + 1).astype(str).astype(object), protocol)


def speaker_folds(*, k: int | None = None) -> Protocol:
    """
    Test folds of several speakers in turn, with the next fold for development.

    Parameters
    ----------
    k : int >= 3, optional
        Number of folds to make, with about equally many utterances of each sex. By default the
        folds named in the table's column ``split`` if there are any (the published folds of the
        corpus), else five are made.

    Raises
    ------
    InputError
        If `k` is not a whole number of at least 3.
    """
    if k is not None and (not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 3):
        raise InputError(f"speaker_folds: k is {k!r}; expected a whole number of at least 3")
    return Protocol(
        "speaker_folds",
        "speaker-disjoint folds" if k is None else f"{k} speaker-disjoint folds",
        "Each fold of speakers is tested by a system that learnt from the others, of which the "
        "next is for development. The folds are those published with the corpus, else made here.",
        True,
        partial(_by_fold, k=k),
        {"k": k if k is None else int(k)},
    )


def _by_session(table: pd.DataFrame, seed: int) -> Iterable[Fold]:
    sessions = groups_of(table, "session", "leave_one_session_out", 3)
    return rotate(sorted(set(sessions), key=natural), sessions, "session ")


def leave_one_session_out() -> Protocol:
    """
    Test each recording session in turn, with the whole next session for development.

    On IEMOCAP the literature takes development rows from a further session, from one speaker of
    the test session, or at random from the training rows. The two speakers of a session share a
    room, a dialogue and the channel, and one is heard behind the other: the session is the unit
    that is unknown in use, so that development rows come from one that is unknown to the system as
    the test session is. That leaves three of five sessions for training.
    """
    return Protocol(
        "leave_one_session_out",
        "leave one session out",
        "Each session is tested by a system that learnt from the others, of which the next is for "
        "development.",
        True,
        _by_session,
    )


def _by_pair(table: pd.DataFrame, seed: int) -> Iterable[Fold]:
    protocol = "leave_one_pair_out"
    speakers = groups_of(table, "speaker", protocol, 5)
    sexes = sexes_of(table, speakers)
    missing = [speaker for speaker, sex in sexes.items() if sex is None]
    if missing:
        raise InputError(f"{protocol} needs the sex of every speaker; unknown of {listed(missing)}")
    female, male = ([s for s in sexes if sexes[s] == sex] for sex in ("female", "male"))
    if min(len(female), len(male)) < 2:
        raise InputError(
            f"{protocol} needs at least two speakers of each sex; found {len(female)} female "
            f"({listed(female) or 'none'}) and {len(male)} male ({listed(male) or 'none'})"
        )
    for (i, one), (j, other) in itertools.product(enumerate(male), enumerate(female)):
        development = [male[(i + 1) % len(male)], female[(j + 1) % len(female)]]
        name = "+".join(sorted((one, other)))
        yield fold_of_groups(name, speakers, [one, other], development)


def leave_one_pair_out() -> Protocol:
    """
    Test every pair of a male and a female speaker: 25 overlapping folds with five of each.

    Development is one further pair, of the next male and the next female speaker in sorted order.
    Each utterance is tested once for each speaker of the other sex. The scheme, without
    development, is that of RayanWang/Speech_emotion_recognition_BLSTM.
    """
    return Protocol(
        "leave_one_pair_out",
        "leave one male-female pair out",
        "Every pair of a male and a female speaker is tested by a system that learnt from the "
        "others; the next male and the next female speaker are for development. Folds overlap.",
        True,
        _by_pair,
    )

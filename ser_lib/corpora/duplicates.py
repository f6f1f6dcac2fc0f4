"""Say when recordings of a corpus have the very same samples."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ser_lib.corpora import hashing
from ser_lib.errors import warn


def warn_of_duplicates(
    name: str,
    emotions: pd.Series,
    hashes: Sequence[str],
    reference: pd.DataFrame | None = None,
) -> None:
    """
    Give one `InputWarning` if recordings have the same samples as another.

    Parameters
    ----------
    name : str
        The corpus.
    emotions : pd.Series
        Those of the recordings, by the names of these.
    hashes : sequence of str
        Of their samples.
    reference : DataFrame, optional
        What was published, as in `Corpus`: recordings published with one checksum are passed over.
    """
    if len(set(hashes)) == len(hashes):
        return
    by_utterance = pd.Series(list(hashes), index=emotions.index)
    if reference is not None:
        published = reference["sha256"].dropna()
        known = published.index[published.duplicated(keep=False)]
        by_utterance = by_utterance.drop(known, errors="ignore")
    copies = by_utterance[by_utterance.duplicated()]
    if len(copies):
        first = by_utterance.index[by_utterance == copies.iloc[0]]
        named = emotions[by_utterance.index].groupby(by_utterance).nunique()
        twice = named.index[named > 1]
        labels = ""
        if len(twice):
            names = by_utterance.index[by_utterance == twice[0]]
            shown = " and ".join(f"{each} ({emotions[each]})" for each in names[:2])
            labels = f"; {len(twice)} of them with several emotions, for example {shown}"
        warn(
            f"{name}: {len(copies)} of {len(hashes)} recordings have the same samples as another, "
            f"for example {first[0]} and {first[1]}{labels}; expected each recording once"
        )


def warn_of_divided_duplicates(name: str, table: pd.DataFrame, folds: Iterable) -> None:
    """
    Give one `InputWarning` if a fold tests recordings that it trains on or chooses by.

    Parameters
    ----------
    name : str
        The corpus.
    table : DataFrame
        Its table.
    folds : iterable of ser_lib.protocols.Fold
        The first that does so is named.
    """
    hashes = hashing.sample_hashes(list(table["path"]), progress=False)
    if len(set(hashes)) == len(hashes):
        return
    hashes = pd.Series(hashes, index=table.index)
    for fold in folds:
        known = pd.concat([hashes.iloc[fold.train], hashes.iloc[fold.development]])
        tested = hashes.iloc[fold.test]
        both = tested[tested.isin(set(known))]
        if len(both):
            twin = known.index[known == both.iloc[0]][0]
            warn(
                f"{name}, fold {fold.name!r}: {len(both)} of {len(tested)} tested recordings are "
                f"in training or development as well, for example {both.index[0]} as {twin}; "
                "expected each recording on one side"
            )
            return

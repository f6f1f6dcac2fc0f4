"""Sentences on scores: of one evaluation, of a difference, and of what is stored in the reports."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import paths, systems
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, metrics
from ser_lib.evaluation.intervals import SPEAKERS
from ser_lib.evaluation.predictions import with_limits
from ser_lib.evaluation.significance import Comparison
from ser_lib.recognition.transfer import PROTOCOL as TRAINED_ELSEWHERE
from ser_lib.reporting.formatting import escape
from ser_lib.reporting.links import executed_notebook, link
from ser_lib.reporting.page import SYNTHETIC
from ser_lib.reporting.wording import confusions_of, count, italic, percent

if TYPE_CHECKING:
    from ser_lib.systems.base import Published

_FEW = 5
"""Test speakers below which an interval says little."""
_BASELINE = systems.Majority.name
"""Learns nothing, and would be the last of every ranking and widen every range."""
_SCORE = re.compile(r"(\S+ [\d.]+(?: \[.*?\])?)(.*)")


def on_real_speech(system: str, *, reports: Path | None = None, folder: Path | None = None) -> str:
    """
    Say what the default variant of a system reaches on real speech, by the stored reports.

    Of each corpus, the evaluation on unseen speakers of all of it, if there is one, with most
    folds, then most seeds, then the fewest changed parameters, under ``train`` normalisation; with
    a link to the executed notebook.

    Parameters
    ----------
    system : str
        Its name.
    reports : Path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    folder : Path, optional
        Where links start; `ser_lib.paths.notebooks` by default.
    """
    lines = []
    reports = paths.reports(reports)
    folder = paths.notebooks() if folder is None else folder
    for file in sorted(reports.glob("*/results.csv")):
        table = _results(file)
        own = (table["system"] == system) & (table["variant"] == "default")
        own &= table["speaker_disjoint"] == "True"
        own &= (table["normalisation"] == "train") & (table["protocol"] != TRAINED_ELSEWHERE)
        if file.parent.name == SYNTHETIC or not own.any():
            continue
        table["changed"] = table["changes"].str.len()
        table["some"] = table["subset"] != "all"
        order = {"some": True, "folds": False, "seeds": False, "changed": True}
        row = table[own].sort_values([*order], ascending=[*order.values()]).iloc[0]
        scores = with_limits(*(float(row[name]) for name in ("uar", "uar_low", "uar_high")))
        extent = f"{count(row['folds'], 'fold')}, {count(row['seeds'], 'seed')}"
        partial = ", **not all folds**" if row["partial"] == "True" else ""
        changes = f", {escape(row['changes'])}" if row["changes"] else ""
        line = f"- {escape(row['corpus'])}: **UAR {scores}**, {row['classes']} classes, chance "
        line += f"{1 / int(row['classes']):.3f}; {extent}{partial}{changes}"
        notebook = executed_notebook(system, file.parent)
        line += f" ({link('executed notebook', notebook, folder)})" if notebook else ""
        lines.append(line)
    if not lines:
        epochs = " -p epochs None" if hasattr(systems.get(system), "build") else ""
        return (
            "**On real speech:** no result of this system is stored in the reports yet; "
            f"`ser run {system} --corpus emodb -p folds None{epochs}` makes one."
        )
    head = "**On real speech**, speakers unseen in training (95 % intervals in brackets):"
    return "\n".join([head, "", *lines])


def _results(file: Path) -> pd.DataFrame:
    """Read a table of results, all of whose columns that are needed have the right type."""
    try:
        table = pd.read_csv(file, keep_default_na=False)
        scores = ["uar", "uar_low", "uar_high"]
        table[scores] = table[scores].apply(lambda column: pd.to_numeric(column.replace("", None)))
        for column in ("classes", "folds", "seeds"):
            table[column] = table[column].astype(int)
        texts = ("corpus", "subset", "system", "variant", "normalisation", "changes", "protocol")
        texts += ("speaker_disjoint", "partial")
        table[list(texts)] = table[list(texts)].astype(str)
        return table
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file}: not readable as a table of results ({error}); expected one that `ser report` "
            "wrote, which makes it again"
        ) from None


def score(evaluation: Evaluation) -> str:
    """Say what the pooled test score is, and whether it can be told from chance."""
    scores, chance = evaluation.scores(), 1 / len(evaluation.classes)
    head, rest = _SCORE.match(evaluation.summary()).groups()
    space = "" if rest.startswith(":") else " "
    text = f"**{head}**{space}{escape(rest)}. Chance is {chance:.3f}"
    low, high = scores["uar_low"], scores["uar_high"]
    n, seeds = (evaluation.rows()[name].nunique() for name in ("speaker", "seed"))
    if not np.isfinite(low):
        why = (
            f"with {count(n, 'test speaker')}" if n < SPEAKERS else f"of {n} speakers who are alike"
        )
        return f"{text}; {why} there is no interval."
    over = count(n, "speaker") + (f" and {count(seeds, 'seed')}" if seeds > 1 else "")
    if low <= chance <= high:
        text += f", which the interval over {over} includes."
    else:
        side = "above" if low > chance else "below"
        text += f"; the whole interval over {over} lies {side} it."
    return text + (" So few speakers give no more than a rough interval." if n < _FEW else "")


def confusions(evaluation: Evaluation) -> str:
    """Say which emotions are recognised best and least, and what is confused most often."""
    return confusions_of(evaluation.confusion(), italic)


def speakers(evaluation: Evaluation) -> str:
    """Say how far the scores of the test speakers lie apart."""
    table, pooled = evaluation.by_speaker(), evaluation.scores()["uar"]
    uar = table["uar"].dropna()
    if uar.empty:
        return "The corpus does not know its speakers: there is no score by speaker."
    if len(uar) == 1:
        return f"Only {escape(uar.index[0])} was tested: nothing is known of other speakers."
    if uar.min() == uar.max():
        text = f"All {len(uar)} test speakers have the same UAR, {uar.iloc[0]:.3f}: "
        if len(uar) < SPEAKERS:
            return text + "too few for an interval."
        return text + "there is no interval from speakers who are alike."
    low, high = uar.idxmin(), uar.idxmax()
    text = f"From speaker {escape(low)} ({uar[low]:.3f}) to speaker {escape(high)} "
    text += f"({uar[high]:.3f}): "
    by_seed = evaluation.by_seed()["uar"]
    if len(uar) < SPEAKERS:
        text += "too few for an interval."
    elif by_seed.nunique() > 1:
        text += "the interval comes from the spread between speakers and from that between "
        text += f"{len(by_seed)} training seeds."
    else:
        text += "the spread between speakers is what the interval comes from"
        text += "." if len(by_seed) == 1 else f"; all {len(by_seed)} seeds have the same UAR."
    lacking = table["classes"].min() < evaluation.rows()["emotion"].nunique()
    if lacking and not uar.min() <= pooled <= uar.max():
        text += " The pooled UAR lies outside this range because the UAR of a speaker is over the "
        text += "classes of this speaker only."
    return text


def ranking(table: pd.DataFrame) -> str:
    """
    Say which system has the highest and which the lowest UAR under each normalisation of a table.

    In a ranking these need not be the first and the last: rows of few seeds stand below all others.
    """
    parts = []
    for normalisation, all_systems in table.groupby("normalisation", sort=False):
        baseline = all_systems["system"] == _BASELINE
        own = all_systems if baseline.all() else all_systems[~baseline]
        highest, lowest = (_scored(own.iloc[own["uar"].argsort().iloc[i]]) for i in (-1, 0))
        between = (
            f"of {count(len(own), 'system')} {highest} has the highest UAR, {lowest} the lowest"
        )
        text = between if len(own) > 1 else f"only {highest}"
        if baseline.any() and not baseline.all():
            text += f"; the baseline is {_scored(all_systems[baseline].iloc[0])}"
        parts.append(f"Under normalisation *{escape(normalisation)}* {text}.")
    return " ".join(parts)


def _scored(row: pd.Series) -> str:
    return f"*{escape(row['system'])}* {with_limits(row['uar'], row['uar_low'], row['uar_high'])}"


def recalls(table: pd.DataFrame) -> str:
    """
    Say which emotion several systems recognise best, which least, and where they differ most.

    The baseline that always predicts one emotion is left out.

    Parameters
    ----------
    table : pd.DataFrame, shape (systems, emotions)
        From `ser_lib.plots.recall_table`.
    """
    learning = table.drop(index=_BASELINE, errors="ignore")
    if learning.empty:
        return f"Only the baseline *{_BASELINE}* is here, which learns nothing."
    mean, spread = learning.mean(), learning.max() - learning.min()
    best, least, widest = mean.idxmax(), mean.idxmin(), spread.idxmax()
    but = f" but the baseline *{_BASELINE}*," if len(learning) < len(table) else ""
    text = f"Over all systems{but} *{escape(best)}* is recognised best ({percent(mean[best])}) and "
    text += f"*{escape(least)}* least ({percent(mean[least])})."
    if spread.max() > 0:
        low, high = learning[widest].min(), learning[widest].max()
        text += f" They differ most in *{escape(widest)}*: {percent(low)} to {percent(high)}."
    return text


def difference(comparison: Comparison) -> str:
    """Say whether a paired difference between two evaluations can be told from none."""
    low, high = comparison.low, comparison.high
    sure = "includes" if not low > 0 and not high < 0 else "excludes"
    return (
        f"Difference in UAR: **{comparison.difference:+.3f} [{low:+.3f}, {high:+.3f}]**, "
        f"p = {comparison.p:.3g}, over {count(comparison.speakers, 'speaker')}; the interval "
        f"{sure} zero."
    )


def published(evaluation: Evaluation, scores: "Sequence[Published]") -> str:
    """Say which published scores may be set beside an evaluation, and where they lie to it."""
    classes, disjoint = len(evaluation.classes), bool(evaluation.record["speaker_disjoint"])
    same = [s for s in scores if s.speaker_disjoint is disjoint and s.classes == classes]
    names = dict.fromkeys(["uar", *(score.metric for score in same)])
    own = " and ".join(f"{metrics.get(n).title} {_interval(evaluation, n)}" for n in names)
    speakers = "unseen speakers" if disjoint else "test speakers that are in the training, too"
    n, others = len(scores), [score for score in scores if score not in same]
    text = f"Here: {own}, for {classes} classes and {speakers}"
    every = {1: "the published score", 2: "both published scores"}
    every = every.get(n, f"all {n} published scores")
    if same:
        which = f"{len(same)} of the {n} published scores" if others else every
        text += f"; {which} on this corpus {'are' if len(same) > 1 else 'is'} of as many classes "
        text += f"and such speakers: {', '.join(_beside(score, evaluation) for score in same)}"
    if others:
        which = f"the other {len(others)}".removesuffix(" 1") if same else f"{every} on this corpus"
        text += f"; {which} {'answer' if len(others) > 1 else 'answers'} another question: "
        text += ", ".join(_apart(score, classes, disjoint) for score in others)
    return f"{text}."


def _apart(score: "Published", classes: int, disjoint: bool) -> str:
    """Write a published score, and why it is not set beside an evaluation."""
    of = [f"{score.classes} classes"] if score.classes != classes else []
    if score.speaker_disjoint is None:
        of.append("test speakers who may be in the training, too")
    elif score.speaker_disjoint is not disjoint:
        unseen = "unseen speakers", "test speakers that are in the training, too"
        of.append(unseen[not score.speaker_disjoint])
    return f"{metrics.get(score.metric).title} {score.value:.3f} (of {' and '.join(of)})"


def _interval(evaluation: Evaluation, metric: str) -> str:
    return with_limits(*evaluation.scores()[[metric, f"{metric}_low", f"{metric}_high"]])


def _beside(score: "Published", evaluation: Evaluation) -> str:
    """Write a published score, and where it lies to the interval of an evaluation."""
    text = f"{metrics.get(score.metric).title} {score.value:.3f}"
    low, high = evaluation.scores()[[f"{score.metric}_low", f"{score.metric}_high"]]
    if not np.isfinite(low):
        return text
    side = "above" if score.value > high else "below" if score.value < low else "within"
    return f"{text} ({side} our interval)"

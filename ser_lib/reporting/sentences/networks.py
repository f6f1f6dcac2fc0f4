"""Sentences on networks: their parameters, their training, what they attend to."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.evaluation import Evaluation
from ser_lib.evaluation.predictions import with_limits
from ser_lib.reporting.formatting import escape, markdown_table
from ser_lib.reporting.wording import count, listing, percent

if TYPE_CHECKING:
    from ser_lib.plots import Example
    from ser_lib.systems.base import AttentionGrid, System


def network(table: pd.DataFrame) -> str:
    """Say where most parameters of a network are, given `ser_lib.plots.layer_table`."""
    total, largest = table["parameters"].sum(), table["parameters"].idxmax()
    row = table.loc[largest]
    same = table["layer"] == row["layer"]
    place = int(same.loc[:largest].sum())
    which = f"{row['layer']}" + (f" {place} of {same.sum()}" if same.sum() > 1 else "")
    share = percent(row["parameters"] / total)
    return (
        f"{total:,} parameters; the largest share, {share}, is in one layer, *{which}*. From input "
        f"to posteriors, {table['output'].iloc[0]} numbers become {table['output'].iloc[-1]}."
    )


def layers(table: pd.DataFrame) -> str:
    """Lay out `ser_lib.plots.layer_table` in Markdown."""
    rows = [
        [escape(layer), escape(details), output, f"{parameters:,}"]
        for layer, details, output, parameters in table.itertuples(index=False)
    ]
    return markdown_table(["layer", "details", " output", " parameters"], rows)


def training(evaluation: Evaluation, system: "System") -> str:
    """Say how a network was trained, and how its training UAR compares with the test."""
    runs, record = evaluation.record["runs"], evaluation.record
    seeds, folds = (len({run[name] for run in runs}) for name in ("seed", "fold"))
    histories = [pd.DataFrame(run["history"]) for run in runs]
    epochs = [len(history) for history in histories]
    ran = f"{min(epochs)}" if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
    development = "choose the epoch" if system.needs_development else "are trained on as well"
    text = f"{count(len(runs), 'training')} ({folds} of {count(record['n_folds'], 'fold')}, "
    text += f"{count(seeds, 'seed')}) of {ran} epochs; the development speakers {development}. "
    last = np.mean([history["uar"].iloc[-1] for history in histories])
    test, low, high = evaluation.scores()[["uar", "uar_low", "uar_high"]]
    text += f"In the last epoch the training UAR is {last:.3f}, that of the test "
    text += f"{with_limits(test, low, high)}: "
    if not np.isfinite(low):
        return text + "without an interval it cannot be said which of the two is larger."
    if low <= last <= high:
        text += "the training UAR lies within this interval, so that it cannot be said which of "
        return text + "the two is larger."
    if last > high:
        return text + "part of what was learnt holds for the training recordings only."
    text += "as the last epoch saw them, the training recordings are recognised less well than "
    return text + "those of the test."


def attention(examples: Sequence["Example"], grid: "AttentionGrid") -> str:
    """Say how concentrated the attention to some utterances is, and where it is highest."""
    parts = []
    for example in examples:
        weights = np.asarray(example.weights, dtype=float)
        weights = weights[~np.isnan(weights.reshape(len(weights), -1)).all(axis=1)]
        falling = np.sort(weights.ravel())[::-1]
        half = 1 + int(np.searchsorted(np.cumsum(falling), 0.5 * falling.sum()))
        step = int(np.argmax(weights.reshape(len(weights), -1).max(axis=1)))
        peak = grid.start + (step + 0.5) * grid.seconds_per_step
        unit = "cells" if weights.ndim > 1 else "steps"
        parts.append(
            f"in *{escape(example.prediction.get('utterance', example.title))}*, half of the "
            f"attention lies on {half} of {weights.size} {unit}, and it is highest at {peak:.2f} s "
            f"({weights.max() * weights.size:.1f} times uniform)"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def right_segments(
    posteriors: Sequence[np.ndarray], classes: Sequence[str], emotions: Sequence[str]
) -> str:
    """Say in how many segments of utterances, each with its emotion, it is the most probable."""
    names = np.asarray(classes)
    right = np.concatenate(
        [names[np.argmax(p, axis=1)] == e for p, e in zip(posteriors, emotions, strict=True)]
    )
    segments = count(len(right), "segment")
    return f"In {right.sum()} of {segments} the true emotion is the most probable."


def segments(
    posteriors: np.ndarray,
    classes: Sequence[str],
    prediction: Mapping[str, object] | None = None,
) -> str:
    """Say how far the segments of an utterance agree with each other."""
    winners = [str(classes[i]) for i in np.argmax(posteriors, axis=1)]
    different = sorted(set(winners))
    if len(winners) == 1:
        text = f"The only segment says *{escape(winners[0])}* ({np.max(posteriors):.2f})"
    elif len(different) == 1:
        text = f"All {len(winners)} segments say *{escape(winners[0])}*"
    else:
        text = f"{count(len(winners), 'segment')}, for which {listing(different)} are most probable"
    if prediction is not None:
        text += f"; the utterance is *{escape(prediction['emotion'])}*"
        right = prediction["emotion"] == prediction["predicted"]
        text += (
            ", as predicted"
            if right
            else f", and *{escape(prediction['predicted'])}* was predicted"
        )
    return f"{text}."

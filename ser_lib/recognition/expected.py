"""The scores to be expected of a model: those of a stored evaluation of the same specification."""

import os
from typing import TYPE_CHECKING

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import results
from ser_lib.experiment.plan import say

if TYPE_CHECKING:
    from ser_lib.experiment.plan import Plan


def matching_evaluation(
    plan: "Plan", reports: str | os.PathLike | None = None
) -> Evaluation | None:
    """
    Find the stored evaluation of what a plan trains, over all folds and on unseen speakers.

    Of several, one under the protocol of the plan comes first, then the one with more seeds.
    Evaluations that cannot be read are named on standard error.
    """
    folder = paths.reports(reports) / plan.corpus.name
    wanted = _training(plan.specification.content)
    found = []
    for path in results.records(folder):
        try:
            record = results.read_record(path)
            fits = record["speaker_disjoint"] and not record["partial"]
            if fits and _training(record["specification"]) == wanted:
                found.append((record["protocol"] == plan.protocol.name, len(record["runs"]), path))
        except (InputError, KeyError) as error:
            say(f"not used for the expected scores: {error}")
    return results.read(max(found)[2]) if found else None


def expected_scores(evaluation: Evaluation) -> dict[str, object]:
    """Describe the scores of an evaluation for a model card."""
    record, scores = evaluation.record, evaluation.scores()
    names = [f"{name}{end}" for name in ("uar", "wa") for end in ("", "_low", "_high")]
    numbers = {name: round(float(scores[name]), 4) for name in names}
    return {
        "summary": evaluation.summary(),
        # JSON knows no NaN, which stands for an interval that there is not.
        **{name: value if value == value else None for name, value in numbers.items()},
        "digest": record["digest"],
        "code": results.code_state(record),
    }


def _training(specification: dict) -> str:
    # How recordings were divided for the test does not change what is trained on all of them.
    return results.training_digest(specification, "protocol", "conditions")

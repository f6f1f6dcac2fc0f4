"""The state of an unfinished training in a file, from which it goes on after an interruption."""

import dataclasses
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_lib import paths
from ser_lib.errors import InputError, warn

SECONDS = 60.0
"""After how long the state is written again, at the end of an epoch; none of shorter trainings."""

_ARRAYS = ("variables", "best_weights")


class TrainingState(NamedTuple):
    """
    All that the further epochs of a training depend on.

    Attributes
    ----------
    variables : list of ndarray
        Weights, moving statistics and seeds of the layers, and the variables of the optimiser.
    best_weights : list of ndarray
        Weights of the best epoch; empty where no epoch is chosen.
    best_epoch : int
        That epoch.
    history : list of dict
        As `ser_lib.neural.NeuralClassifier` has it.
    generator : dict
        State of the generator that draws the order and the augmentation of the rows.
    """

    variables: list[np.ndarray]
    best_weights: list[np.ndarray]
    best_epoch: int
    history: list[dict]
    generator: dict


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """
    Where a training keeps its state until it is finished.

    Parameters
    ----------
    file : Path
        Written whole or not at all.
    training : str
        Digest of all that the training depends on; the state of another training is not read.
    """

    file: Path
    training: str

    def read(self) -> TrainingState | None:
        """Read the state; None if there is none, or if it is damaged or of another training."""
        try:
            with np.load(self.file, allow_pickle=False) as arrays:
                state = json.loads(str(arrays["state"]))
                if state.pop("training") != self.training:
                    return None
                for name in _ARRAYS:
                    state[name] = [arrays[f"{name} {i}"] for i in range(state[name])]
                return TrainingState(**state)
        except Exception:
            # Damaged archives raise errors of many types.
            return None

    @staticmethod
    def is_due(written: float) -> bool:
        """Tell whether the state is to be written again, given when (`time.monotonic`) it was."""
        return time.monotonic() - written >= SECONDS

    def write(self, state: TrainingState) -> None:
        """Write the state; where that is impossible, warn, and let the training go on."""
        counts = {name: len(getattr(state, name)) for name in _ARRAYS}
        text = json.dumps({"training": self.training, **state._asdict(), **counts})
        arrays = {
            f"{name} {i}": array for name in _ARRAYS for i, array in enumerate(getattr(state, name))
        }
        try:
            with paths.whole(self.file, "wb") as file:
                np.savez(file, state=text, **arrays)
        except InputError as error:
            warn(f"the state of the training is not kept: {error}")

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.file.unlink(missing_ok=True)

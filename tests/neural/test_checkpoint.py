"""A training that was interrupted goes on where it was, to the same weights."""

import numpy as np
import pytest
from tiny_networks import MeanNetwork, classifier, rows

from ser_lib.errors import InputWarning
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural import checkpoint as checkpoints
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.checkpoint import Checkpoint

# Dropout, mixing, masking, copies and the order of rows are drawn, each from a generator of its
# own, and the learning rate depends on the number of updates.
RANDOM = {
    "network": MeanNetwork(dropout=0.4),
    "epochs": 6,
    "schedule": "cosine",
    "mixup": 0.3,
    "spec_augment": SpecAugment(),
    "balance": "oversampling",
}


@pytest.fixture(autouse=True)
def written_after_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "cache" / "training.npz", "of these rows")


def interrupt_in_epoch(number, patch):
    """Let Ctrl-C come in the epoch of that number, counted from 1, of the next training."""
    train_epoch, epochs = NeuralClassifier._train_epoch, []

    def interrupted(self, *arguments):
        epochs.append(1)
        train_epoch(self, *arguments)
        if len(epochs) == number:
            raise KeyboardInterrupt

    patch.setattr(NeuralClassifier, "_train_epoch", interrupted)


def interrupted(machine, data, checkpoint, monkeypatch, epoch=4):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_in_epoch(epoch, patch)
        machine.fit(*data[0], **data[1], checkpoint=checkpoint)


def without_seconds(history):
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in history]


@pytest.fixture(scope="module")
def data():
    X, y = rows()
    return (X, y), {
        "copies": (RaggedArray(X.values + 1, X.offsets),),
        "validation": rows(30, seed=1),
    }


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("chosen", [False, True])
def test_it_ends_with_the_weights_of_a_training_that_was_not_interrupted(
    chosen, optimizer, data, checkpoint, monkeypatch
):
    parameters = RANDOM | {"optimizer": optimizer, "momentum": 0.8, "patience": 3}
    options = data[1] if chosen else {"copies": data[1]["copies"]}
    whole = classifier(**parameters).fit(*data[0], **options)
    # Twice, and the second time in the first epoch after the state was read.
    interrupted(classifier(**parameters), (data[0], options), checkpoint, monkeypatch, 3)
    interrupted(classifier(**parameters), (data[0], options), checkpoint, monkeypatch, 1)
    again = classifier(**parameters).fit(*data[0], **options, checkpoint=checkpoint)
    for weight, expected in zip(
        again.network_.get_weights(), whole.network_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, expected)
    assert without_seconds(again.history_) == without_seconds(whole.history_)
    assert again.best_epoch_ == whole.best_epoch_
    assert again.resumed_seconds_ == pytest.approx(sum(e["seconds"] for e in again.history_[:2]))
    assert whole.resumed_seconds_ == 0


def test_batches_have_the_graphs_that_they_would_have_had(data, checkpoint, monkeypatch):
    # TensorFlow makes a graph for the shape that comes first, and rounds otherwise in it than in
    # that of all other shapes (seen in layers larger than these).
    import keras

    train, shapes = keras.Model.train_on_batch, []

    def watched(model, x, *arguments):
        shapes.append(x["values"].shape)
        return train(model, x, *arguments)

    monkeypatch.setattr(keras.Model, "train_on_batch", watched)
    classifier(epochs=1).fit(*data[0])
    first_epoch = shapes.copy()
    assert len(set(first_epoch)) > 1
    interrupted(classifier(), (data[0], {}), checkpoint, monkeypatch, 3)
    shapes.clear()
    classifier().fit(*data[0], checkpoint=checkpoint)
    assert shapes[: len(first_epoch)] == first_epoch
    # And then those of the epochs that are left.
    assert len(shapes) == 3 * len(first_epoch)


def test_a_training_with_nothing_left_to_do_is_finished(data, checkpoint):
    first = classifier().fit(*data[0], checkpoint=checkpoint)
    again = classifier().fit(*data[0], checkpoint=checkpoint)
    assert again.history_ == first.history_
    np.testing.assert_array_equal(again.predict_proba(data[0][0]), first.predict_proba(data[0][0]))


@pytest.mark.parametrize(
    "damage", ["other training", "cut short", "bit", "no archive", "other content"]
)
def test_a_state_that_cannot_be_gone_on_from_is_as_none(damage, data, checkpoint, monkeypatch):
    interrupted(classifier(), (data[0], {}), checkpoint, monkeypatch)
    assert checkpoint.read() is not None
    content = checkpoint.file.read_bytes()
    if damage == "other training":
        checkpoint = Checkpoint(checkpoint.file, "of other rows")
    elif damage == "cut short":
        checkpoint.file.write_bytes(content[: len(content) // 2])
    elif damage == "bit":
        # How the first array is compressed, as the archive's directory says: no method there is.
        place = content.index(b"PK\x01\x02") + 10
        damaged = bytes([content[place] ^ 64])
        checkpoint.file.write_bytes(content[:place] + damaged + content[place + 1 :])
    elif damage == "no archive":
        checkpoint.file.write_bytes(b"")
    else:
        np.savez(checkpoint.file, state="[]")
    assert checkpoint.read() is None
    machine = classifier().fit(*data[0], checkpoint=checkpoint)
    assert machine.resumed_seconds_ == 0
    assert len(machine.history_) == 4


def test_short_trainings_write_nothing(data, checkpoint, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 60.0)
    classifier().fit(*data[0], checkpoint=checkpoint)
    assert not checkpoint.file.exists()


def test_training_goes_on_where_no_state_can_be_written(data, tmp_path):
    (tmp_path / "file").write_text("")
    checkpoint = Checkpoint(tmp_path / "file" / "training.npz", "of these rows")
    with pytest.warns(InputWarning, match="is not kept: .*/file: cannot be written"):
        machine = classifier(epochs=1).fit(*data[0], checkpoint=checkpoint)
    assert machine.predict(data[0][0]).shape == (48,)

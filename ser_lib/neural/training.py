"""What Keras needs to train a network: optimiser, loss and the scores of an epoch."""

import keras
from keras import ops


class Scores(keras.metrics.Metric):
    """
    Count what a network got right while it was learning.

    Keras resets metrics before every batch trained by hand (or not, depending on its version); the
    counts must last for an epoch, so only `restart` resets them.

    Parameters
    ----------
    classes : int
        Number of classes.
    """

    def __init__(self, classes, name="scores", **options):
        super().__init__(name=name, **options)
        self.classes = classes
        self.hits = self.add_variable((classes,), "zeros", name="hits")
        self.seen = self.add_variable((classes,), "zeros", name="seen")
        self.surprise = self.add_variable((), "zeros", name="surprise")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch; weights, which balance the loss that is minimised, do not count here."""
        # Of a mixture counts what most of it is.
        true = ops.one_hot(ops.argmax(y_true, axis=-1), self.classes)
        found = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.hits.assign_add(ops.sum(true * found, axis=0))
        self.seen.assign_add(ops.sum(true, axis=0))
        self.surprise.assign_add(ops.sum(ops.categorical_crossentropy(y_true, y_pred)))

    def result(self):
        """Return the share of rows that were right."""
        return ops.sum(self.hits) / ops.maximum(ops.sum(self.seen), 1.0)

    def reset_state(self):
        """Keep the counts."""

    def restart(self):
        """Start an epoch."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape))

    def summary(self) -> dict[str, float]:
        """Return loss (mean cross-entropy), accuracy and unweighted average recall so far."""
        hits, seen, surprise = (v.numpy() for v in (self.hits, self.seen, self.surprise))
        return {
            "loss": float(surprise / seen.sum()),
            "accuracy": float(hits.sum() / seen.sum()),
            "uar": float((hits[seen > 0] / seen[seen > 0]).mean()),
        }


def make_optimizer(
    name: str,
    *,
    learning_rate: float,
    momentum: float,
    decay: float,
    schedule: str,
    weight_decay: float,
    clip_norm: float | None,
    steps: int,
) -> keras.optimizers.Optimizer:
    """
    Make the optimiser of one training.

    Parameters
    ----------
    name, learning_rate, momentum, decay, schedule, weight_decay, clip_norm
        See `ser_lib.neural.NeuralClassifier`.
    steps : int
        Updates of the whole training, over which a cosine falls to zero.

    Returns
    -------
    keras.optimizers.Optimizer
    """
    schedules = keras.optimizers.schedules
    if schedule == "cosine":
        rate = schedules.CosineDecay(learning_rate, steps)
    elif decay:
        rate = schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=decay)
    else:
        rate = learning_rate
    shared = {"global_clipnorm": clip_norm, "weight_decay": weight_decay or None}
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum, **shared)
    return keras.optimizers.Adam(rate, **shared)


def make_trainer(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, scores: Scores
) -> keras.Model:
    """
    Make the model that trains a network; it shares its weights.

    The network itself stays without optimiser and loss, so that it is saved without them.
    """
    trainer = keras.Model(network.inputs, network.outputs[0])
    trainer.compile(
        optimizer,
        loss="categorical_crossentropy",
        metrics=[scores],
        # On a CPU a step compiled by XLA takes up to twice as long (`benchmarks.choices`), and
        # every new shape compiles for seconds; JAX knows nothing else.
        jit_compile=keras.backend.backend() == "jax",
    )
    return trainer

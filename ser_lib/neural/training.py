"""What Keras needs to train a network: optimiser, loss and the metrics of an epoch."""

import keras
from keras import ops


class UnweightedAverageRecall(keras.metrics.Metric):
    """
    Mean of the recalls of the classes seen since the last reset.

    Parameters
    ----------
    classes : int
        Number of classes.
    """

    def __init__(self, classes, name="uar", **options):
        super().__init__(name=name, **options)
        self.classes = classes
        self.hits = self.add_variable((classes,), "zeros", name="hits")
        self.seen = self.add_variable((classes,), "zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count right answers per class; weights, which balance the loss, do not count here."""
        true = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), self.classes)
        found = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.hits.assign_add(ops.sum(true * found, axis=0))
        self.seen.assign_add(ops.sum(true, axis=0))

    def result(self):
        """Return the recall averaged over the classes seen."""
        present = ops.cast(ops.greater(self.seen, 0), self.seen.dtype)
        recalls = ops.divide_no_nan(self.hits, self.seen)
        return ops.divide_no_nan(ops.sum(recalls), ops.sum(present))


def make_optimizer(
    name: str,
    *,
    learning_rate: float,
    momentum: float,
    decay: float,
    schedule: str,
    clip_norm: float | None,
    steps: int,
) -> keras.optimizers.Optimizer:
    """
    Make the optimiser of one training.

    Parameters
    ----------
    name, learning_rate, momentum, decay, schedule, clip_norm
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
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum, global_clipnorm=clip_norm)
    return keras.optimizers.Adam(rate, global_clipnorm=clip_norm)


def make_trainer(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, classes: int
) -> keras.Model:
    """
    Make the model that trains a network; it shares its weights.

    The network itself stays without optimiser and loss, so that it is saved without them.
    """
    trainer = keras.Model(network.inputs, network.outputs[0])
    trainer.compile(
        optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy", UnweightedAverageRecall(classes)],
        # XLA doubles the time of convolutions on a CPU and compiles every new shape for seconds;
        # JAX knows nothing else.
        jit_compile=keras.backend.backend() == "jax",
    )
    return trainer

"""What Keras needs to train a network: seeds, optimiser, loss and the scores of an epoch."""

import contextlib
import random
import threading
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from ser_lib.evaluation.metrics import uar_of, wa_of

_BUILDING = threading.Lock()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """
    Seed Python, NumPy and the backend; a network that is built inside depends on the seed alone.

    Keras draws the seed of every layer by ``random.randint``, from the generator that all threads
    of the process share: another thread that draws a number while a network is built, as that of a
    Dask client does now and then, would give the network other weights. Inside, this thread draws
    from a generator of its own; the numbers are the same.
    """
    with _BUILDING:
        keras.utils.set_random_seed(seed)
        own, shared, thread = random.Random(seed), random.randint, threading.get_ident()

        def randint(low: int, high: int) -> int:
            return (own.randint if threading.get_ident() == thread else shared)(low, high)

        random.randint = randint
        try:
            yield
        finally:
            random.randint = shared


@contextlib.contextmanager
def traces_released() -> Iterator[None]:
    """
    Let go, at the end of a training, of the graphs of its steps.

    TensorFlow registers a function by which a graph can be differentiated again each time a step is
    traced (that of `tf.distribute.ReplicaContext.all_reduce`, which Keras calls), and keeps it and
    the graph, 10 MB and more for each training, for as long as the process lives.
    """
    registered = {}
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import ops as tensorflow_ops

        registered = getattr(tensorflow_ops.gradient_registry, "_registry", registered)
    before = set(registered)
    try:
        yield
    finally:
        for name in registered.keys() - before:
            if name.startswith("CustomGradient-"):
                del registered[name]


class Scores(keras.metrics.Metric):
    """
    Accumulate the confusion matrix and the cross-entropy of the training batches of an epoch.

    Depending on its version, Keras resets metrics before every batch that is trained by hand; these
    must last for an epoch, so that only `restart` resets them.
    """

    def __init__(self, classes, name="scores", **options):
        super().__init__(name=name, **options)
        self.classes = classes
        self.counts = self.add_variable((classes, classes), "zeros", name="counts")
        self.cross_entropy = self.add_variable((), "zeros", name="cross_entropy")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch; weights, which balance the loss that is minimised, do not count here."""
        # A mixture counts as the class of its larger part.
        true = ops.one_hot(ops.argmax(y_true, axis=-1), self.classes)
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), self.classes)
        self.counts.assign_add(ops.matmul(ops.transpose(true), predicted))
        self.cross_entropy.assign_add(ops.sum(ops.categorical_crossentropy(y_true, y_pred)))

    def result(self):
        """Return the accuracy."""
        return ops.trace(self.counts) / ops.maximum(ops.sum(self.counts), 1.0)

    def reset_state(self):
        """Keep the counts; see `restart`."""

    def restart(self):
        """Set all counts to zero."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape))

    def summary(self) -> dict[str, float]:
        """Return loss (mean cross-entropy), accuracy and unweighted average recall."""
        counts = ops.convert_to_numpy(self.counts).astype(np.int64)
        return {
            "loss": float(ops.convert_to_numpy(self.cross_entropy) / counts.sum()),
            "accuracy": float(wa_of(counts)),
            "uar": float(uar_of(counts)),
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
    Make the optimiser of one training, with the parameters of `ser_lib.neural.NeuralClassifier`.

    A cosine schedule falls to zero over `steps`, the updates of the whole training.
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
    Make a compiled model that shares the weights of a network, to train it.

    The network itself stays without optimiser and loss, so that it is saved without them. Every
    training batch updates the scores.
    """
    trainer = keras.Model(network.inputs, network.outputs[0])
    # Variables that are first made within a traced step keep TensorFlow functions, and several MB,
    # for as long as the process lives.
    optimizer.build(trainer.trainable_variables)
    trainer.compile(
        optimizer,
        loss="categorical_crossentropy",
        metrics=[scores],
        # On a CPU a step compiled by XLA takes up to twice as long (benchmark `choices`), and
        # every new shape compiles for seconds; JAX has no other way.
        jit_compile=keras.backend.backend() == "jax",
    )
    return trainer

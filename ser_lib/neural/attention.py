"""
Pooling a sequence into one vector by attention, and the scorers that are not plain dense layers.

A scorer says how much each step matters, a number per step; `AttentionPooling` turns the scores
into weights and averages. Most scorers are dense layers, see the systems.
"""

import keras
import numpy as np
from keras import ops

from ser_lib.neural.masking import Unmasked

_register = keras.saving.register_keras_serializable("ser_lib")


@_register
class AttentionPooling(Unmasked):
    """
    Average steps, or cells of a map, by the softmax of their scores over all that are real.

    Gives the average and the weights, which sum to one; they are NaN where there is only padding,
    so that nobody takes it for part of the recording.
    """

    def call(self, values, scores, mask):
        """
        Pool.

        Parameters
        ----------
        values : tensor, shape (batch, steps, ..., units)
            What is averaged.
        scores : tensor, shape (batch, steps, ...)
            How much each of it matters.
        mask : tensor of bool, shape (batch, steps)
            Which steps are real; at least one.

        Returns
        -------
        tuple of tensor
            Averages, shape (batch, units), and weights, of the shape of the scores.
        """
        shape = ops.shape(scores)
        mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(scores.shape) - 2)))
        mask = ops.reshape(ops.broadcast_to(mask, shape), (shape[0], -1))
        scores = ops.where(mask, ops.reshape(scores, (shape[0], -1)), -1e9)
        weights = ops.softmax(scores, axis=-1)
        values = ops.reshape(values, (shape[0], -1, values.shape[-1]))
        pooled = ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), values), 1)
        return pooled, ops.reshape(ops.where(mask, weights, np.nan), shape)

    def compute_mask(self, *inputs, **options):
        """Attach none to either output."""
        return None, None

    def compute_output_shape(self, values_shape, scores_shape, mask_shape=None):
        """Shapes of averages and weights."""
        return (values_shape[0], values_shape[-1]), scores_shape


@_register
class SoftmaxVectorScores(Unmasked):
    """
    Score steps by a vector that is itself a softmax, as RayanWang's BLSTM does.

    The vector is ``softmax(W c + b)`` of the constant ``c = (1 / units, ...)``. Being a probability
    vector it cannot single a step out: where steps lie within (-1, 1), so do their scores, and no
    step weighs more than e² = 7.4 times another. Kept to study the original.
    """

    def build(self, shape):
        """Make W and b."""
        units = shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(units, units))
        self.bias = self.add_weight(name="bias", shape=(units,), initializer="zeros")

    def call(self, steps):
        """Score; shape (batch, steps, units) to (batch, steps)."""
        vector = ops.softmax(ops.mean(self.kernel, axis=0) + self.bias)
        return ops.matmul(steps, vector)

    def compute_output_shape(self, shape):
        """Shape of the scores."""
        return shape[:-1]


@_register
class AttendedPadding(Unmasked):
    """
    Lengthen a bidirectional LSTM's output to a fixed number of steps, as padded input would have.

    In a padded step a masked LSTM repeats its last state, and its backward half, which begins
    there, gives zero. An attention that has lost its mask attends to these steps. Kept to study
    originals that do; the steps are made up rather than computed.

    Parameters
    ----------
    steps : int
        Steps afterwards; further ones are cut off.
    """

    def __init__(self, steps, **options):
        super().__init__(**options)
        self.steps = steps

    def call(self, sequence, real=None):
        """
        Lengthen; shape (batch, n, 2 * units) to (batch, steps, 2 * units).

        The mask, shape (batch, n), says which steps are real (all by default): Keras 3 clears what
        its Bidirectional gives for the others, so that they have to be made up, too.
        """
        if real is None:
            real = ops.ones(ops.shape(sequence)[:2], dtype="bool")
        count = ops.sum(ops.cast(real, "int32"), axis=1)
        last = ops.take_along_axis(sequence, ops.reshape(count - 1, (-1, 1, 1)), axis=1)
        last = last[:, :, : sequence.shape[-1] // 2]
        made_up = ops.concatenate([last, ops.zeros_like(last)], axis=-1)
        sequence = ops.where(ops.expand_dims(real, -1), sequence, made_up)
        padding = ops.repeat(made_up, self.steps, 1)
        return ops.concatenate([sequence, padding], axis=1)[:, : self.steps]

    def compute_output_shape(self, sequence_shape, real_shape=None):
        """Shape after lengthening."""
        return (sequence_shape[0], self.steps, sequence_shape[2])

    def get_config(self):
        """Return what the layer was made with."""
        return super().get_config() | {"steps": self.steps}

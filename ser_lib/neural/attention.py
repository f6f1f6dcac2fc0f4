"""
Attention pooling of a sequence into one vector.

`AttentionPooling` averages steps by weights, the softmax of their scores. Most systems compute the
scores by dense layers; layers for other scores stand here.
"""

import keras
import numpy as np
from keras import ops

from ser_lib.neural.masking import Unmasked, as_maps


@keras.saving.register_keras_serializable(package="ser_lib")
class AttentionPooling(Unmasked):
    """
    Average steps, or cells of a map, by the softmax of their scores.

    The weights of a recording sum to one; those of padding are NaN, so that they are not taken for
    weights of the recording.
    """

    def call(self, values, scores, mask):
        """
        Return averages, shape (batch, units), and weights, of the shape of the scores.

        Values have the shape (batch, steps, ..., units), scores (batch, steps, ...), and the mask
        (batch, steps); at least one step of each recording is true.
        """
        shape = ops.shape(scores)
        mask = ops.reshape(ops.broadcast_to(as_maps(mask, scores), shape), (shape[0], -1))
        scores = ops.where(mask, ops.reshape(scores, (shape[0], -1)), -1e9)
        weights = ops.softmax(scores, axis=-1)
        values = ops.reshape(values, (shape[0], -1, values.shape[-1]))
        pooled = ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), values), 1)
        return pooled, ops.reshape(ops.where(mask, weights, np.nan), shape)

    def compute_mask(self, *inputs, **options):
        """Attach no mask to either output."""
        return None, None

    def compute_output_shape(self, values_shape, scores_shape):
        """Return the shapes of averages and weights."""
        return (values_shape[0], values_shape[-1]), scores_shape


@keras.saving.register_keras_serializable(package="ser_lib")
class SoftmaxVectorScores(Unmasked):
    """
    Score steps by their dot product with a learnt probability vector.

    As in RayanWang/Speech_emotion_recognition_BLSTM: the vector is ``softmax(W c + b)`` of the
    constant ``c = (1 / units, ...)``. Where the values of the steps lie within (-1, 1), so do their
    scores, and no step weighs more than e² = 7.4 times another: the attention stays nearly even.
    """

    def build(self, shape):
        """Make the weights W and b."""
        units = shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(units, units))
        self.bias = self.add_weight(name="bias", shape=(units,), initializer="zeros")

    def call(self, steps):
        """Score steps, shape (batch, steps, units) to (batch, steps)."""
        vector = ops.softmax(ops.mean(self.kernel, axis=0) + self.bias)
        return ops.matmul(steps, vector)

    def compute_output_shape(self, shape):
        """Return the shape of the scores."""
        return shape[:-1]


@keras.saving.register_keras_serializable(package="ser_lib")
class AttendedPadding(Unmasked):
    """
    Pad a bidirectional LSTM's output to a fixed number of steps, as if its input had been padded.

    In a padded step a masked LSTM repeats its last state, and its backward half, which begins
    there, gives zero. An attention without a mask attends to these steps, as in published systems
    that this layer reproduces without computing them.

    Parameters
    ----------
    steps : int
        Steps of the output; further ones are cut off.
    """

    def __init__(self, steps, **options):
        super().__init__(**options)
        self.steps = steps

    def call(self, sequence, mask=None):
        """
        Pad a sequence, shape (batch, n, 2 * units) to (batch, steps, 2 * units).

        Steps where the mask, shape (batch, n), is false are replaced by padding (none by default):
        Keras 3 sets the output of its Bidirectional to zero there.
        """
        if mask is None:
            mask = ops.ones(ops.shape(sequence)[:2], dtype="bool")
        count = ops.sum(ops.cast(mask, "int32"), axis=1)
        last = ops.take_along_axis(sequence, ops.reshape(count - 1, (-1, 1, 1)), axis=1)
        last = last[:, :, : sequence.shape[-1] // 2]
        padding = ops.concatenate([last, ops.zeros_like(last)], axis=-1)
        sequence = ops.where(ops.expand_dims(mask, -1), sequence, padding)
        padding = ops.repeat(padding, self.steps, 1)
        return ops.concatenate([sequence, padding], axis=1)[:, : self.steps]

    def compute_output_shape(self, sequence_shape):
        """Return the shape after padding."""
        return (sequence_shape[0], self.steps, sequence_shape[2])

    def get_config(self):
        """Return the arguments of the constructor."""
        return super().get_config() | {"steps": self.steps}

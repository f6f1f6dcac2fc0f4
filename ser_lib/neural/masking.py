"""
Layers that keep padding out, so that the output for a recording does not depend on its batch.

The recordings of a batch are padded with zeros at their end. A convolution reads zeros past the end
of a recording anyway, so padding does no harm as long as it is zero wherever it is read.
Normalisation and bias make it non-zero, and `ApplyMask` sets it to zero again. Batch statistics are
computed without padding.

A mask is a tensor of bool, shape (batch, steps): true for the steps of a recording, which come
first, false for padding.
"""

import keras
from keras import ops


class Unmasked(keras.layers.Layer):
    """
    A layer whose output carries no mask of Keras's own.

    Keras attaches masks to what it computes, and warns of each layer that drops one. Here masks
    are passed on explicitly, where they are needed.
    """

    def __init__(self, **kwargs):
        # Keras keeps the name of a layer without get_config only where this is called kwargs.
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, *inputs, **options):
        """Attach no mask to the output."""


def as_maps(mask, values):
    """Give a mask, shape (batch, steps), as many axes as the values have."""
    return ops.reshape(mask, (*ops.shape(mask), *[1] * (len(values.shape) - 2)))


def add_normalisation_weights(layer, channels):
    """Make gamma, beta and the moving mean and variance of batch normalisation, in this order."""
    for name, initializer in (
        ("gamma", "ones"), ("beta", "zeros"), ("moving_mean", "zeros"), ("moving_variance", "ones"),
    ):  # fmt: skip
        weight = layer.add_weight(
            shape=(channels,),
            name=name,
            initializer=initializer,
            trainable=not name.startswith("moving"),
            autocast=False,
        )
        setattr(layer, name, weight)


@keras.saving.register_keras_serializable(package="ser_lib")
class ApplyMask(Unmasked):
    """Set padded steps to zero."""

    def call(self, values, mask):
        """Return values, shape (batch, steps, ...), where the mask is true, and zero elsewhere."""
        return values * as_maps(ops.cast(mask, values.dtype), values)

    def compute_output_shape(self, values_shape):
        """Return the shape of the values."""
        return values_shape


class _ShorterMask(keras.layers.Layer):
    """A mask for the steps of a convolution or pooling with a stride along time."""

    def __init__(self, stride, **options):
        super().__init__(**options)
        self.stride = stride

    def compute_output_spec(self, mask):
        """Return a mask of shape (batch, ceil(steps / stride))."""
        steps = mask.shape[1]
        steps = None if steps is None else -(-steps // self.stride)
        return keras.KerasTensor((mask.shape[0], steps), dtype="bool")

    def get_config(self):
        """Return the arguments of the constructor."""
        return super().get_config() | {"stride": self.stride}


@keras.saving.register_keras_serializable(package="ser_lib")
class DownsampleMask(_ShorterMask):
    """
    Mask the steps of a convolution or pooling with a stride by the first step that each reads.

    Output step i begins at input step ``i * stride``, and belongs to the recording if that one
    does: a recording of n steps keeps ``ceil(n / stride)``, at least one, however far it is padded.
    """

    def call(self, mask):
        """Downsample a mask, shape (batch, steps) to (batch, ceil(steps / stride))."""
        return mask[:, :: self.stride]


@keras.saving.register_keras_serializable(package="ser_lib")
class CentreMask(_ShorterMask):
    """
    Mask the steps of strided convolutions by the centre of what each step reads.

    Strided convolutions have a step wherever a recording has at least one frame left, and the last
    step may read little but padding. Attention would learn to attend to it, as the end of a
    recording is easy to detect. At least one step per recording remains.

    Parameters
    ----------
    stride : int
        Frames per step; the centre of what step i reads is frame ``stride * (i + 1) - 1``, as it is
        after `ser_lib.neural.backbones.alexnet_convolutions`.
    """

    def call(self, mask):
        """Downsample a mask, shape (batch, frames) to (batch, ceil(frames / stride))."""
        frames = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        steps = ops.arange(-(-ops.shape(mask)[1] // self.stride))
        return steps < ops.maximum(frames // self.stride, 1)


@keras.saving.register_keras_serializable(package="ser_lib")
class OnesMask(keras.layers.Layer):
    """Make the mask of values without padding: true for every step."""

    def call(self, values):
        """Return a mask, shape (batch, steps), for values, shape (batch, steps, ...)."""
        return ops.ones(ops.shape(values)[:2], dtype="bool")

    def compute_output_spec(self, values):
        """Return the shape of the mask."""
        return keras.KerasTensor(values.shape[:2], dtype="bool")


@keras.saving.register_keras_serializable(package="ser_lib")
class MaskedBatchNormalization(Unmasked):
    """
    Batch normalisation (Ioffe & Szegedy 2015) whose statistics leave padding out.

    Weights, their order and the results without a mask are those of
    `keras.layers.BatchNormalization`.

    Parameters
    ----------
    momentum : float
        Fraction of the moving statistics that is kept at each update.
    epsilon : float
        Added to the variance.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3, **options):
        super().__init__(**options)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)

    def build(self, values_shape):
        """Make the four weights of batch normalisation, one number each per channel."""
        add_normalisation_weights(self, values_shape[-1])

    def call(self, values, mask=None, training=None):
        """
        Normalise each channel of values, shape (batch, steps, ..., channels).

        In training, the statistics are those of the steps of the mask, by default all. Padded steps
        of the result are not zero; see `ApplyMask`.
        """
        # Sums of half-precision numbers would overflow.
        values = ops.cast(values, self.variable_dtype)
        if training and self.trainable:
            mean, variance = self._statistics(values, mask)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        values = ops.batch_normalization(
            values, mean, variance, axis=-1, offset=self.beta, scale=self.gamma,
            epsilon=self.epsilon,
        )  # fmt: skip
        return ops.cast(values, self.compute_dtype)

    def _statistics(self, values, mask):
        """Mean and variance of each channel over all steps of the mask."""
        axes = list(range(len(values.shape) - 1))
        if mask is None:
            return ops.moments(values, axes)
        mask = ops.broadcast_to(as_maps(ops.cast(mask, "bool"), values), ops.shape(values))
        # Never zero, so that a batch without any step gives no NaN.
        count = ops.sum(ops.cast(mask, values.dtype), axes) + keras.config.epsilon()
        mean = ops.sum(ops.where(mask, values, 0), axes) / count
        difference = ops.where(mask, values - mean, 0)
        return mean, ops.sum(ops.square(difference), axes) / count

    def compute_output_shape(self, values_shape):
        """Return the shape of the values."""
        return values_shape

    def get_config(self):
        """Return the arguments of the constructor."""
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="ser_lib")
class MeanOverUnits(Unmasked):
    """Average the units of every step."""

    def call(self, values):
        """Average over the last axis, shape (..., units) to (...)."""
        return ops.mean(values, axis=-1)

    def compute_output_shape(self, shape):
        """Return the shape without the last axis."""
        return shape[:-1]

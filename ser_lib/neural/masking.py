"""
Layers that keep padding out of convolutions: what a recording gives must not depend on its batch.

Recordings of a batch are padded with zeros after their end. A convolution reads zeros past the end
of a recording anyway, so padding does no harm as long as it is zero wherever it is read:
normalisation and bias make something of it, and `Rezero` makes it nothing again. Statistics of a
batch are taken over what is real.
"""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("ser_lib")


class Unmasked(keras.layers.Layer):
    """
    A layer whose output carries no mask of Keras's.

    Keras attaches masks to what it computes, and warns of each layer that drops one. Here they are
    handed on by hand, where they are needed.
    """

    def __init__(self, **kwargs):
        # Keras keeps the name of a layer without get_config only where this is called kwargs.
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, *inputs, **options):
        """Attach none."""


@_register
class Rezero(Unmasked):
    """Set padded steps to zero: values, shape (batch, steps, ...), by a mask, (batch, steps)."""

    def call(self, values, mask):
        """Return the values where the mask is true, zero elsewhere."""
        mask = ops.cast(mask, values.dtype)
        return values * ops.reshape(mask, (*ops.shape(mask), *[1] * (len(values.shape) - 2)))

    def compute_output_shape(self, values_shape, mask_shape=None):
        """Shape of the values."""
        return values_shape


@_register
class StrideMask(keras.layers.Layer):
    """
    Thin a mask out as a strided convolution or pooling thins its steps out.

    Output step i begins at input step ``i * stride``, and is real if that one is: a recording of n
    steps keeps ``ceil(n / stride)``, at least one, however far it is padded.

    Parameters
    ----------
    stride : int
        Of the convolution or pooling.
    """

    def __init__(self, stride, **options):
        super().__init__(**options)
        self.stride = stride

    def call(self, real):
        """Thin out; shape (batch, steps) to (batch, ceil(steps / stride))."""
        return real[:, :: self.stride]

    def compute_output_shape(self, shape):
        """Shape after thinning out."""
        steps = None if shape[1] is None else -(-shape[1] // self.stride)
        return (shape[0], steps)

    def get_config(self):
        """Return what the layer was made with."""
        return super().get_config() | {"stride": self.stride}


@_register
class MaskedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation whose statistics leave padding out, mask of shape (batch, steps)."""

    def call(self, values, mask=None, training=None):
        """Normalise values, shape (batch, steps, ..., channels); padded steps are not zero then."""
        if mask is not None:
            between = len(values.shape) - 3
            mask = ops.reshape(mask, (*ops.shape(mask), *[1] * between))
            mask = ops.broadcast_to(mask, ops.shape(values)[:-1])
        return super().call(values, training=training, mask=mask)

    def _moments(self, inputs, mask):
        # Keras squeezes the axis of a single channel away, which JAX does not take.
        shape = (inputs.shape[self.axis],)
        return tuple(ops.reshape(moment, shape) for moment in super()._moments(inputs, mask))


@_register
class AllReal(keras.layers.Layer):
    """Make a mask for values without padding: shape (batch, steps, ...) to (batch, steps)."""

    def call(self, values):
        """Return true for every step."""
        return ops.ones(ops.shape(values)[:2], dtype="bool")

    def compute_output_spec(self, values):
        """Shape of the mask."""
        return keras.KerasTensor(values.shape[:2], dtype="bool")


@_register
class MeanOverUnits(Unmasked):
    """Average the units of every step: shape (..., units) to (...)."""

    def call(self, values):
        """Average over the last axis."""
        return ops.mean(values, axis=-1)

    def compute_output_shape(self, shape):
        """Shape without the last axis."""
        return shape[:-1]

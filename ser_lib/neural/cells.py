"""Which cells of a convolutional map speak for a recording."""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("ser_lib")


@_register
class CentredCells(keras.layers.Layer):
    """
    Say which steps of a map have their centre within their recording.

    Strided convolutions give a step wherever a recording has at least one frame left, and the last
    step may look at next to nothing but padding. An attention that is free to, attends to it: the
    edge of a recording is easy to see. At least one step is always real.

    Parameters
    ----------
    stride : int
        Frames per step; the centre of what step i sees is frame ``stride * (i + 1) - 1``, as it is
        after `ser_lib.neural.backbones.alexnet_convolutions`.
    """

    def __init__(self, stride, **options):
        super().__init__(**options)
        self.stride = stride

    def call(self, real):
        """Thin a mask out, shape (batch, frames) to (batch, ceil(frames / stride))."""
        frames = ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True)
        steps = ops.arange(-(-ops.shape(real)[1] // self.stride))
        return steps < ops.maximum(frames // self.stride, 1)

    def compute_output_spec(self, real):
        """Shape of the mask."""
        frames = real.shape[1]
        steps = None if frames is None else -(-frames // self.stride)
        return keras.KerasTensor((real.shape[0], steps), dtype="bool")

    def get_config(self):
        """Return what the layer was made with."""
        return super().get_config() | {"stride": self.stride}

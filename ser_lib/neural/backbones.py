"""Convolutional networks that several systems begin with, as functions on Keras tensors."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class _Convolution:
    """One convolution of AlexNet: filters, side, stride, zeros put before, pooled after or not."""

    filters: int
    side: int
    stride: int
    before: int
    pooled: bool


_ALEXNET = (
    _Convolution(64, 11, 4, 2, True),
    _Convolution(192, 5, 1, 2, True),
    _Convolution(384, 3, 1, 1, False),
    _Convolution(256, 3, 1, 1, False),
    _Convolution(256, 3, 1, 1, True),
)

ALEXNET_STRIDE = 32
"""Frames from one step of the five convolutions' map to the next."""


def alexnet_convolutions(
    maps: "keras.KerasTensor",
    mask: "keras.KerasTensor | None" = None,
    *,
    normalised: bool = False,
    dropout: float = 0.0,
    momentum: float = 0.9,
) -> "tuple[keras.KerasTensor, keras.KerasTensor | None]":
    """
    Apply the five convolutions of AlexNet in the layout of torchvision (Krizhevsky 2014).

    Parameters
    ----------
    maps : tensor, shape (batch, time, frequency, channels)
        Spectrograms; at least 63 bands.
    mask : tensor of bool, shape (batch, time), optional
        Which frames are real. With it, time may be of any length from one frame, and what comes
        out depends on real frames alone: recordings of n frames give ``ceil(n / 32)`` steps.
        Without it, both axes shrink as in torchvision, and need at least 63 places.
    normalised : bool
        Whether each convolution is normalised by its batch before its ReLU.
    dropout : float
        Share of whole channels dropped after each pooling.
    momentum : float
        How slowly the running statistics move.

    Returns
    -------
    maps, mask
        Shape (batch, steps, cells, 256), and (batch, steps) or None.
    """
    from keras import layers

    from ser_lib.neural.masking import MaskedBatchNormalization, Rezero, StrideMask

    for number, part in enumerate(_ALEXNET, start=1):
        # Past the end of a recording a convolution may read as many zeros as it likes.
        after = part.before if mask is None else part.side - 1 - part.before
        maps = layers.ZeroPadding2D(((part.before, after), (part.before, part.before)))(maps)
        maps = layers.Conv2D(part.filters, part.side, part.stride, name=f"conv{number}")(maps)
        if mask is not None and part.stride > 1:
            mask = StrideMask(part.stride)(mask)
        if normalised:
            # torch's epsilon, and its momentum of 0.1 counted from the other end.
            norm = MaskedBatchNormalization(momentum=momentum, epsilon=1e-5, name=f"norm{number}")
            maps = norm(maps, mask=mask)
        maps = layers.ReLU()(maps)
        if mask is not None:
            maps = Rezero()(maps, mask)
        if part.pooled:
            if mask is not None:
                maps = layers.ZeroPadding2D(((0, 2), (0, 0)))(maps)
                mask = StrideMask(2)(mask)
            maps = layers.MaxPooling2D(3, 2)(maps)
            maps = layers.SpatialDropout2D(dropout)(maps)
    return maps, mask

"""AlexNet's convolutions, with which several systems begin, as a function on Keras tensors."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class _Convolution:
    """One convolution: zeros of `padding` before each axis; `pooled` where max-pooling follows."""

    filters: int
    side: int
    stride: int
    padding: int
    pooled: bool


_ALEXNET = (
    _Convolution(64, 11, 4, 2, True),
    _Convolution(192, 5, 1, 2, True),
    _Convolution(384, 3, 1, 1, False),
    _Convolution(256, 3, 1, 1, False),
    _Convolution(256, 3, 1, 1, True),
)

ALEXNET_STRIDE = 32
"""Frames from one step of the convolutions' output to the next."""


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
        True for the frames of a recording, false for padding. With a mask, a recording may have
        any number n of frames from one, its output depends on these alone and has
        ``ceil(n / 32)`` steps. Without it, both axes shrink as in torchvision, and need at least 63
        frames and bands.
    normalised : bool
        Whether batch normalisation stands between each convolution and its ReLU.
    dropout : float
        Fraction of whole channels dropped after each pooling.
    momentum : float
        Momentum of the moving statistics of batch normalisation.

    Returns
    -------
    maps : tensor, shape (batch, steps, cells, 256)
    mask : tensor of bool, shape (batch, steps), or None
    """
    from keras import layers

    from ser_lib.neural.masking import ApplyMask, DownsampleMask, MaskedBatchNormalization

    for number, part in enumerate(_ALEXNET, start=1):
        # With a mask, so many zeros follow that each frame left gives a step.
        after = part.padding if mask is None else part.side - 1 - part.padding
        maps = layers.ZeroPadding2D(((part.padding, after), (part.padding, part.padding)))(maps)
        maps = layers.Conv2D(part.filters, part.side, part.stride, name=f"conv{number}")(maps)
        if mask is not None and part.stride > 1:
            mask = DownsampleMask(part.stride)(mask)
        if normalised:
            # PyTorch's epsilon; its momentum of 0.1 is 0.9 here.
            norm = MaskedBatchNormalization(momentum=momentum, epsilon=1e-5, name=f"norm{number}")
            maps = norm(maps, mask=mask)
        maps = layers.ReLU()(maps)
        if mask is not None:
            maps = ApplyMask()(maps, mask)
        if part.pooled:
            if mask is not None:
                maps = layers.ZeroPadding2D(((0, 2), (0, 0)))(maps)
                mask = DownsampleMask(2)(mask)
            maps = layers.MaxPooling2D(3, 2)(maps)
            maps = layers.SpatialDropout2D(dropout)(maps)
    return maps, mask

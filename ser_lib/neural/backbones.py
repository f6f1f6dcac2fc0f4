"""AlexNet's convolutions, with which several systems begin, as a function on Keras tensors."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


# Filters, side, stride and padding of each convolution, and whether max-pooling follows.
_ALEXNET = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
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
        With a mask, a recording of n frames, at least one, gives ``ceil(n / 32)`` steps that depend
        on these alone. Without it, both axes shrink as in torchvision, and need at least 63 frames.
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

    for number, (filters, side, stride, padding, pooled) in enumerate(_ALEXNET, start=1):
        # With a mask, so many zeros follow that each frame left gives a step.
        after = padding if mask is None else side - 1 - padding
        maps = layers.ZeroPadding2D(((padding, after), (padding, padding)))(maps)
        maps = layers.Conv2D(filters, side, stride, name=f"conv{number}")(maps)
        if mask is not None and stride > 1:
            mask = DownsampleMask(stride)(mask)
        if normalised:
            # PyTorch's epsilon; its momentum of 0.1 is 0.9 here.
            norm = MaskedBatchNormalization(momentum=momentum, epsilon=1e-5, name=f"norm{number}")
            maps = norm(maps, mask=mask)
        maps = layers.ReLU()(maps)
        if mask is not None:
            maps = ApplyMask()(maps, mask)
        if pooled:
            if mask is not None:
                maps = layers.ZeroPadding2D(((0, 2), (0, 0)))(maps)
                mask = DownsampleMask(2)(mask)
            maps = layers.MaxPooling2D(3, 2)(maps)
            maps = layers.SpatialDropout2D(dropout)(maps)
    return maps, mask

"""
Layers that the systems share, written with `keras.ops` only, for any backend.

Sequences are padded; a layer that reads several steps takes their mask (see
`ser_lib.neural.masking`).
"""

import keras
from keras import ops

from ser_lib.neural.masking import Unmasked, add_normalisation_weights, as_maps


@keras.saving.register_keras_serializable(package="ser_lib")
class FoldWindows(keras.layers.Layer):
    """
    Treat windows as if they were samples: (batch, n, *item) becomes (batch * n, *item).

    The layers between this one and `UnfoldWindows` do what ``TimeDistributed`` would do, in one
    call over all windows.
    """

    def call(self, windows):
        """Fold windows, shape (batch, n, *item) to (batch * n, *item)."""
        return ops.reshape(windows, (-1, *windows.shape[2:]))

    def compute_output_spec(self, windows):
        """Return the shape after folding; the number of windows is not known in advance."""
        return keras.KerasTensor((None, *windows.shape[2:]), dtype=windows.dtype)


@keras.saving.register_keras_serializable(package="ser_lib")
class UnfoldWindows(keras.layers.Layer):
    """Undo `FoldWindows`: (batch * n, features) becomes (batch, n, features)."""

    def call(self, folded, like):
        """Unfold, shape (batch * n, features), to the n of `like`, shape (batch, n, ...)."""
        return ops.reshape(folded, (-1, ops.shape(like)[1], folded.shape[-1]))

    def compute_output_shape(self, folded_shape, like_shape):
        """Return the shape after unfolding."""
        return (*like_shape[:2], folded_shape[-1])


class _NormalisedConvolution(Unmasked):
    """
    Convolution, batch normalisation and max-pooling in an order that computes less.

    Weights and results are those of one layer after the other, with much less work on the largest
    array, the output of the convolution:

    - It is pooled before it is normalised. Max-pooling commutes with non-decreasing functions: the
      activation, and the normalisation where its factor is not negative. Where the factor is
      negative, the signs of the filter and of the factor are inverted.
    - The bias, which normalisation subtracts again, is never added to it.
    """

    def __init__(self, filters, pool, *, side=3, momentum=0.99, epsilon=1e-3, **options):
        super().__init__(**options)
        self.filters = filters
        self.pool = pool
        self.side = side
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, maps_shape):
        """Make the weights of the convolution, then those of the normalisation."""
        kernel = (self.side, self.side, maps_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        add_normalisation_weights(self, self.filters)

    def _convolve(self, maps):
        """Signs by which the filters are multiplied, and the convolution's output without bias."""
        sign = ops.where(ops.less(self.gamma, 0), -1.0, 1.0)
        return sign, ops.conv(maps, self.kernel * sign, padding="same")

    def _normalise(self, pooled, sign, moments):
        """Normalise by mean and variance (without bias and signs), or by the moving ones."""
        if moments is None:
            mean, variance = self.moving_mean, self.moving_variance
        else:
            mean, variance = moments[0] + self.bias, moments[1]
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
        factor = self.gamma * ops.rsqrt(variance + self.epsilon)
        return pooled * (factor * sign) + (self.beta + factor * (self.bias - mean))

    def compute_output_shape(self, maps_shape):
        """Return the shape of the features."""
        height, width = (side and -(-side // self.pool) for side in maps_shape[1:3])
        return (maps_shape[0], height, width, self.filters)

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("filters", "pool", "side", "momentum", "epsilon")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="ser_lib")
class LocalFeatureBlock(_NormalisedConvolution):
    """
    Convolution, batch normalisation, ELU and max-pooling of windows of one size.

    The local feature learning block of Zhao, Mao & Chen (2019). Where the input has few channels
    (a spectrogram has one), mean and variance of the output of filter k are computed from the mean
    m and the covariance C of the patches of the input: ``k' m`` and ``k' C k``.

    Parameters
    ----------
    filters : int
        Number of filters.
    pool : int
        Side of the pooling square.
    side : int
        Side of the filters; odd.
    momentum, epsilon : float
        As in `keras.layers.BatchNormalization`.
    """

    def call(self, maps, mask=None, training=False):
        """
        Return features, shape (windows, ceil(height / pool), ceil(width / pool), filters).

        Maps have the shape (windows, height, width, channels), with known height and width. The
        mask, shape (windows,), is 1 for a window that counts in the training statistics, 0 for
        padding. In training these statistics normalise, and the moving ones are updated.
        """
        sign, output = self._convolve(maps)
        moments = None
        if training:
            if self.side**2 * maps.shape[-1] < self.filters:
                moments = self._moments_from_patches(maps, mask)
            else:
                mean, variance = _moments(output, mask)
                moments = mean * sign, variance
        # Under JAX, Keras pools the channels too unless the strides are given.
        pooled = ops.max_pool(output, self.pool, self.pool, padding="same")
        return ops.elu(self._normalise(pooled, sign, moments))

    def _moments_from_patches(self, maps, mask):
        """Mean and variance of the convolution's output (without bias), from the input alone."""
        height, width = maps.shape[1:3]
        around = (self.side // 2, self.side // 2)
        padded = ops.pad(maps, ((0, 0), around, around, (0, 0)))
        places = [(i, j) for i in range(self.side) for j in range(self.side)]
        patches = ops.concatenate(
            [padded[:, i : i + height, j : j + width] for i, j in places], axis=-1
        )
        patches = ops.reshape(patches, (-1, height * width, patches.shape[-1]))
        mean = _weighted_mean(ops.mean(patches, axis=1), mask)
        patches = patches - mean
        products = ops.matmul(ops.transpose(patches, (0, 2, 1)), patches) / (height * width)
        covariance = _weighted_mean(products, mask)
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        variance = ops.sum(kernel * ops.matmul(covariance, kernel), axis=0)
        return ops.matmul(mean, kernel), ops.maximum(variance, 0.0)


@keras.saving.register_keras_serializable(package="ser_lib")
class SequenceFeatureBlock(_NormalisedConvolution):
    """
    Convolution, batch normalisation, ReLU and max-pooling of recordings of unequal length.

    The output depends on the frames of a recording alone: padding is left out of the statistics and
    of the pooling, and padded steps of the output are zero, as those of the input must be.

    Parameters are those of `LocalFeatureBlock`.
    """

    def call(self, maps, mask, training=False):
        """
        Return features, shape (batch, ceil(frames / pool), ceil(bands / pool), filters).

        Maps have the shape (batch, frames, bands, channels), the mask (batch, frames). A step
        belongs to the recording if its first frame does (see
        `ser_lib.neural.masking.DownsampleMask`); other steps are zero.
        """
        sign, output = self._convolve(maps)
        mask = ops.cast(mask, output.dtype)
        moments = None
        if training:
            total = ops.maximum(ops.sum(mask), 1.0)
            mean = ops.tensordot(mask, ops.mean(output, axis=2), axes=2) / total
            squares = ops.tensordot(mask, ops.mean(ops.square(output), axis=2), axes=2) / total
            moments = mean * sign, ops.maximum(squares - ops.square(mean), 0.0)
        # Padding far below all values, so that it is never the maximum.
        output = output - as_maps(1 - mask, output) * 1e9
        pooled = ops.max_pool(output, self.pool, self.pool, padding="same")
        steps = as_maps(mask[:, :: self.pool], pooled)
        return ops.relu(self._normalise(pooled, sign, moments)) * steps


def _weighted_mean(values, weights):
    """Average values, shape (n, ...), by weights, shape (n,) or None for equal ones."""
    if weights is None:
        return ops.mean(values, axis=0)
    weights = ops.cast(weights, values.dtype)
    total = ops.maximum(ops.sum(weights), 1.0)
    return ops.tensordot(weights, values, axes=1) / total


def _moments(maps, weights):
    """Mean and variance per channel of maps, shape (n, height, width, channels)."""
    # The mean of squares less the square of the mean is one pass instead of two over an array that
    # is far larger than any cache; its relative error of about 1e-7 (mean² / variance) is
    # negligible for the maps of a normalised network.
    mean = _weighted_mean(ops.mean(maps, axis=(1, 2)), weights)
    squares = _weighted_mean(ops.mean(ops.square(maps), axis=(1, 2)), weights)
    return mean, ops.maximum(squares - ops.square(mean), 0.0)

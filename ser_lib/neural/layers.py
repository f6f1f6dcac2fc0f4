"""
Layers that the systems share, written with `keras.ops` only, for any backend.

Sequences are padded; a layer that looks across items takes the mask of what is real.
"""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("ser_lib")


@_register
class FoldWindows(keras.layers.Layer):
    """
    Treat windows as if they were samples: (batch, n, *item) becomes (batch * n, *item).

    The layers between this one and `UnfoldWindows` do what ``TimeDistributed`` would do, in one
    call over all windows.
    """

    def call(self, windows):
        """Fold; shape (batch, n, *item) to (batch * n, *item)."""
        return ops.reshape(windows, (-1, *windows.shape[2:]))

    def compute_output_spec(self, windows):
        """Shape after folding; the number of windows is not known before they come."""
        return keras.KerasTensor((None, *windows.shape[2:]), dtype=windows.dtype)


@_register
class UnfoldWindows(keras.layers.Layer):
    """Undo `FoldWindows`: (batch * n, features) becomes (batch, n, features), n as in another."""

    def call(self, folded, like):
        """Unfold `folded`, shape (batch * n, features), as `like`, (batch, n, ...), has it."""
        return ops.reshape(folded, (-1, ops.shape(like)[1], folded.shape[-1]))

    def compute_output_shape(self, folded_shape, like_shape):
        """Shape after unfolding."""
        return (*like_shape[:2], folded_shape[-1])


@_register
class LocalFeatureBlock(keras.layers.Layer):
    """
    Convolution, batch normalisation, ELU and max-pooling, in that order but not in that way.

    The local feature learning block of Zhao, Mao & Chen (2019). Same weights and same results as
    the four layers one after the other, for much less work on the largest array, the output of the
    convolution:

    - It is pooled before it is normalised. Pooling commutes with what does not decrease: the ELU,
      and the normalisation where its factor is not negative. Where it is, the filter's sign is
      turned, and with it that of the factor.
    - The bias, which normalisation takes out again, never touches it.
    - Where the input has few channels, as a spectrogram has one, mean and variance of each filter's
      output follow from those of the 3 × 3 patches of the input: ``k' m`` and ``k' C k``.

    Parameters
    ----------
    filters : int
        Number of 3 × 3 filters.
    pool : int
        Side of the square that is pooled.
    momentum, epsilon : float
        As in `keras.layers.BatchNormalization`.
    """

    def __init__(self, filters, pool, *, momentum=0.99, epsilon=1e-3, **options):
        super().__init__(**options)
        self.filters = filters
        self.pool = pool
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, windows_shape, weights_shape=None):
        """Make the weights: those of the convolution, then those of the normalisation."""
        vector = (self.filters,)
        kernel = (3, 3, windows_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=vector, initializer="zeros")
        self.gamma = self.add_weight(name="gamma", shape=vector, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=vector, initializer="zeros")
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=vector, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=vector, initializer="ones", trainable=False
        )

    def call(self, windows, weights=None, training=False):
        """
        Compute the block's features.

        Parameters
        ----------
        windows : tensor, shape (windows, height, width, channels)
            Height and width must be known.
        weights : tensor, shape (windows,), optional
            1 for a window that counts in the training statistics, 0 for padding.
        training : bool
            Whether to normalise by the statistics of these windows, and remember them.

        Returns
        -------
        tensor, shape (windows, ceil(height / pool), ceil(width / pool), filters)
        """
        sign = ops.where(ops.less(self.gamma, 0), -1.0, 1.0)
        output = ops.conv(windows, self.kernel * sign, padding="same")
        if training:
            if 9 * windows.shape[-1] < self.filters:
                mean, variance = self._moments_from_patches(windows, weights)
            else:
                mean, variance = _moments(output, weights)
                mean = mean * sign
            mean = mean + self.bias
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + now * (1 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        factor = self.gamma * ops.rsqrt(variance + self.epsilon)
        shift = self.beta + factor * (self.bias - mean)
        # Keras pools the channels, too, under JAX unless the strides are given.
        pooled = ops.max_pool(output, self.pool, self.pool, padding="same")
        return ops.elu(pooled * (factor * sign) + shift)

    def _moments_from_patches(self, windows, weights):
        """Mean and variance of the convolution's output (without bias), from the input alone."""
        height, width = windows.shape[1:3]
        around = ops.pad(windows, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = ops.concatenate(
            [around[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=-1
        )
        patches = ops.reshape(patches, (-1, height * width, patches.shape[-1]))
        mean = _weighted_mean(ops.mean(patches, axis=1), weights)
        patches = patches - mean
        products = ops.matmul(ops.transpose(patches, (0, 2, 1)), patches) / (height * width)
        covariance = _weighted_mean(products, weights)
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        variance = ops.sum(kernel * ops.matmul(covariance, kernel), axis=0)
        return ops.matmul(mean, kernel), ops.maximum(variance, 0.0)

    def compute_output_shape(self, windows_shape, weights_shape=None):
        """Shape of the features."""
        height, width = (-(-side // self.pool) for side in windows_shape[1:3])
        return (windows_shape[0], height, width, self.filters)

    def get_config(self):
        """Return what the layer was made with."""
        names = ("filters", "pool", "momentum", "epsilon")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _weighted_mean(values, weights):
    """Average values, shape (n, ...), by weights, shape (n,) or None for equal ones."""
    if weights is None:
        return ops.mean(values, axis=0)
    weights = ops.cast(weights, values.dtype)
    total = ops.maximum(ops.sum(weights), 1.0)
    return ops.tensordot(weights, values, axes=1) / total


def _moments(maps, weights):
    """
    Mean and variance per channel of maps, shape (n, height, width, channels).

    As the mean of squares less the square of the mean: one pass instead of two over an array that
    is far larger than any cache, at a relative error of the variance of about 1e-7 (mean² /
    variance), which for the maps of a normalised network is nothing.
    """
    mean = _weighted_mean(ops.mean(maps, axis=(1, 2)), weights)
    squares = _weighted_mean(ops.mean(ops.square(maps), axis=(1, 2)), weights)
    return mean, ops.maximum(squares - ops.square(mean), 0.0)

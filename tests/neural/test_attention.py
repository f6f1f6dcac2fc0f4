"""Attention pooling and layers of published systems against formulas and plain Keras."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

from ser_lib.neural.attention import AttendedPadding, AttentionPooling, SoftmaxVectorScores


@pytest.mark.parametrize("cells", [(), (4,)])
def test_pooling_averages_unpadded_steps_by_the_softmax_of_scores(cells):
    rng = np.random.default_rng(0)
    lengths = (1, 6, 3)
    mask = np.arange(6) < np.array(lengths)[:, np.newaxis]
    values = rng.normal(size=(3, 6, *cells, 5)).astype("float32")
    scores = rng.normal(0, 3, size=(3, 6, *cells)).astype("float32")
    # Padding has no influence, however large.
    values[~mask], scores[~mask] = 1e6, 1e6
    pooled, weights = (np.asarray(x) for x in AttentionPooling()(values, scores, mask))
    for row, n in enumerate(lengths):
        expected = softmax(scores[row, :n].astype(float).ravel()).reshape(n, *cells)
        np.testing.assert_allclose(weights[row, :n], expected, rtol=1e-4, atol=1e-6)
        assert weights[row, :n].sum() == pytest.approx(1, abs=1e-6)
        assert np.isnan(weights[row, n:]).all()
        average = np.tensordot(expected, values[row, :n], axes=expected.ndim)
        np.testing.assert_allclose(pooled[row], average, rtol=1e-4, atol=1e-5)


def test_gradients_of_a_padded_batch_are_finite():
    values = keras.Input((4, 3))
    mask = keras.Input((4,), dtype="bool")
    pooled, _ = AttentionPooling()(values, layers.Flatten()(layers.Dense(1)(values)), mask)
    model = keras.Model([values, mask], layers.Dense(1)(pooled))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    steps = np.array([[True, False, False, False], [True] * 4])
    model.train_on_batch([np.ones((2, 4, 3), "float32"), steps], np.zeros((2, 1)))
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_the_published_vector_is_a_softmax_of_a_dense_layer_on_a_constant():
    rng = np.random.default_rng(0)
    steps = rng.uniform(-1, 1, size=(2, 9, 6)).astype("float32")
    layer = SoftmaxVectorScores()
    layer.build(steps.shape)
    kernel, bias = rng.normal(0, 4, (6, 6)), rng.normal(0, 4, 6)
    layer.set_weights([kernel, bias])
    # As published: u = softmax(W c + b) with c = (1/6, ...), score = u · y.
    vector = softmax(np.full(6, 1 / 6) @ kernel + bias)
    scores = np.asarray(layer(steps))
    np.testing.assert_allclose(scores, steps @ vector, rtol=1e-4, atol=1e-6)
    # And so no step weighs more than e² = 7.4 times another.
    weights = np.asarray(AttentionPooling()(steps, scores, np.ones((2, 9), bool))[1])
    assert (weights.max(axis=1) / weights.min(axis=1)).max() <= np.e**2
    assert layer.count_params() == 6 * 6 + 6


def test_padding_is_the_output_of_masked_lstms_in_padded_steps():
    rng = np.random.default_rng(0)
    steps, lengths = 12, (12, 5, 1)
    blstm = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    padded = np.full((3, steps, 2), -100, "float32")
    for row, n in enumerate(lengths):
        padded[row, :n] = rng.normal(size=(n, 2))
    alone = [blstm(padded[row : row + 1, :n]) for row, n in enumerate(lengths)]
    # Like the original: padding of -100, a Masking layer, and 1,024 (here twelve) steps. The two
    # LSTMs by themselves, as Keras 3 clears what its Bidirectional gives for padding, and the Keras
    # of the original (2.1) did not.
    mask = layers.Masking(-100).compute_mask(padded)
    forward, backward = blstm.forward_layer, blstm.backward_layer
    for layer in (forward, backward):
        layer.zero_output_for_mask = False
    expected = np.concatenate(
        [forward(padded, mask=mask), backward(padded, mask=mask)[:, ::-1]], axis=-1
    )
    assert (expected[2, 1:, :4] == expected[2, 0, :4]).all()
    assert not expected[2, 1:, 4:].any()
    for sequence, padded in zip(alone, expected, strict=True):
        np.testing.assert_allclose(AttendedPadding(steps)(sequence)[0], padded, atol=1e-6)


def test_steps_beyond_the_fixed_number_are_cut_off():
    sequence = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    np.testing.assert_array_equal(AttendedPadding(6)(sequence), sequence[:, :6])
    assert AttendedPadding(6)(keras.Input((None, 4))).shape == (None, 6, 4)

"""The operations of networks, counted from their kernels, compared with counts by hand."""

import pytest

from ser_lib.systems import AlexNet, BlstmAttention, CnnLstm

pytestmark = pytest.mark.slow


def operations(*arguments):
    # Not above: quick tests import no TensorFlow.
    from benchmarks import profiling

    return profiling.operations(*arguments)


def test_a_blstm_by_hand():
    network = BlstmAttention(dense=8, units=4).build((6,), 3)
    dense = 10 * (6 * 8 + 8 * 8)
    lstm = 2 * 10 * 4 * 4 * (8 + 4)
    scores = 10 * 8
    assert operations(network, (6,), 10) == 2 * (dense + lstm + scores + 8 * 3)


def test_a_convolution_by_hand():
    network = CnnLstm(filters=(4, 4), pools=(2, 2), lstm_units=5).build((8, 8), 3)
    blocks = 8 * 8 * 9 * 1 * 4 + 4 * 4 * 9 * 4 * 4
    lstm = 4 * 5 * (2 * 2 * 4 + 5)
    assert operations(network, (8, 8), 2) == 2 * (2 * blocks + 2 * lstm + 5 * 3)


def test_convolutions_with_strides_by_hand():
    network = AlexNet(head=(8,)).build((63, 63), 3)
    # Sides of the maps: 15, 7 after pooling, 3 after pooling; then 6 by 6 cells from one.
    sides = [(15, 11, 1, 64), (7, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)]
    convolutions = sum(n * n * k * k * given * made for n, k, given, made in sides)
    dense = 6 * 6 * 256 * 8 + 8 * 3
    assert operations(network, (63, 63), 1) == 2 * (convolutions + dense)


def test_a_layer_that_cannot_be_counted_is_named():
    import keras

    values = keras.Input((None, 4), name="values")
    mask = keras.Input((None,), dtype="bool", name="mask")
    steps = keras.layers.SeparableConv1D(3, 2, name="separable")(values)
    network = keras.Model({"values": values, "mask": mask}, steps)
    with pytest.raises(TypeError, match=r"separable is a SeparableConv1D .* expected one of"):
        operations(network, (4,), 5)

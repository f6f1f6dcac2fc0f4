"""The arithmetic of networks, counted from their layers, against counts by hand."""

from benchmarks import work
from ser_lib.systems.alexnet import AlexNet
from ser_lib.systems.blstm_attention import BlstmAttention
from ser_lib.systems.cnn_lstm import CnnLstm


def test_a_blstm_by_hand():
    network = BlstmAttention(dense=(8,), units=4, softmax_vector=False).build((6,), 3)
    dense = 10 * 6 * 8
    lstm = 2 * 10 * 4 * 4 * (8 + 4)
    attention = 10 * 8 + 10 * 8
    assert work.operations(network, (6,), 10) == 2 * (dense + lstm + attention + 8 * 3)


def test_a_convolution_by_hand():
    network = CnnLstm(filters=(4, 4), pools=(2, 2), lstm_units=5).build((8, 8), 3)
    # Nine products do not fit into four filters: no patches.
    blocks = 8 * 8 * 9 * 1 * 4 + 4 * 4 * 9 * 4 * 4
    lstm = 4 * 5 * (2 * 2 * 4 + 5)
    assert work.operations(network, (8, 8), 2) == 2 * (2 * blocks + 2 * lstm + 5 * 3)


def test_what_stands_between_layers_is_passed():
    network = AlexNet(head=(8,)).build((63, 63), 3)
    # Sides of the maps: 15, 7 after pooling, 3 after pooling; then 6 by 6 cells from one.
    sides = [(15, 11, 1, 64), (7, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)]
    convolutions = sum(n * n * k * k * given * made for n, k, given, made in sides)
    dense = 6 * 6 * 256 * 8 + 8 * 3
    assert work.operations(network, (63, 63), 1) == 2 * (convolutions + dense)

"""The 3-D convolutional recurrent network: layers, initial weights, attention, segments."""

import numpy as np
import pytest
from small_systems import inside_attention, network_of, noise

from ser_lib.errors import InputError
from ser_lib.systems import Acrnn3d


@pytest.mark.parametrize("convolutions", [1, 7])
def test_any_number_of_convolutions_that_the_paper_tried_can_be_built(convolutions):
    system = Acrnn3d(convolutions=convolutions, filters=(2, 3), linear=4, units=2)
    shapes = [w.shape for w in system.build((120,), 4).weights if len(w.shape) == 4]
    assert shapes == [(5, 3, 3, 2), (5, 3, 2, 3), *[(5, 3, 3, 3)] * 5][:convolutions]


def test_as_published_weights_are_initialised_as_in_the_authors_code():
    system = Acrnn3d.as_published(convolutions=1, filters=(64, 8), linear=8, units=4)
    kernel, bias = (w.numpy() for w in system.build((300, 40, 3), 4).weights[:2])
    # A normal distribution cut off at two deviations, which leaves 0.88 of its width.
    assert kernel.std() == pytest.approx(0.088, rel=0.1)
    assert np.abs(kernel).max() <= 0.2
    np.testing.assert_array_equal(bias, np.float32(0.1))


def test_as_published_attention_starts_near_uniform_as_in_the_authors_code():
    import keras

    system = Acrnn3d.as_published(convolutions=1, filters=(2, 2), linear=8, units=128)
    drawn = []
    for seed in range(20):
        keras.utils.set_random_seed(seed)
        dense = [
            layer for layer in system.build((20, 40, 3), 4).layers if layer.name[:5] == "dense"
        ]
        (kernel, bias), (scale,) = (x.get_weights() for x in dense if x.units == 1)
        assert kernel.std() == pytest.approx(0.1, rel=0.3)
        drawn.append((bias.item(), scale.item()))
    # Both are drawn, from a normal distribution with standard deviation 0.1.
    assert np.std(drawn, axis=0) == pytest.approx(0.1, rel=0.5)
    assert np.abs(drawn).max() < 0.5


@pytest.mark.parametrize(
    ("seconds", "starts"), [(0.05, [0]), (3.0, [0, 100]), (4.5, [0, 100, 200])]
)
def test_as_published_overlapping_segments_are_padded_with_silence(seconds, starts):
    signal = noise(seconds)
    segments = Acrnn3d.as_published().front_end(signal, "u")
    assert segments.shape == (len(starts), 300, 40, 3)
    whole = Acrnn3d(hop=0.010, trim=False).front_end(signal, "u").reshape(-1, 40, 3)
    assert len(whole) == 1 + len(signal) // 160
    for segment, start in zip(segments, starts, strict=True):
        part = whole[start : start + 300]
        np.testing.assert_array_equal(segment[: len(part)], part)
        assert (segment[len(part) :, :, 0] == whole[..., 0].min()).all()
        # Where there is silence nothing changes.
        assert not segment[len(part) :, :, 1:].any()


def test_segments_may_not_lie_further_apart_than_they_are_long():
    with pytest.raises(InputError, match="hop is 60; expected at most the length, 50 frames"):
        _ = Acrnn3d(segment=50, segment_hop=60).front_end


@pytest.mark.parametrize("sigmoid", [True, False])
def test_scores_are_linear_or_bounded_by_a_sigmoid(sigmoid):
    import keras

    system = Acrnn3d(convolutions=1, filters=(4, 4), linear=6, units=4, sigmoid=sigmoid, segment=40)
    model = network_of(system, (40, 40, 3), 4)
    values = np.random.default_rng(0).normal(size=(1, 1, 40, 40, 3)).astype("float32")
    batch = {"values": values, "mask": np.ones((1, 1), bool)}
    steps, scores, *_ = inside_attention(model, batch)
    scorers = [
        layer.get_weights()
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense) and layer.kernel.shape[1] == 1
    ]
    if sigmoid:
        (inner, bias), (outer,) = scorers
        expected = 1 / (1 + np.exp(-(steps @ inner + bias))) @ outer
        assert np.ptp(scores) < abs(outer.item())
    else:
        expected = steps @ scorers[0][0]
    np.testing.assert_allclose(scores, expected[..., 0], rtol=1e-3, atol=1e-5)

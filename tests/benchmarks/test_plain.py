"""What takes turns in the benchmark of training is one network, written in two ways."""

import numpy as np
import pytest

from benchmarks import training
from ser_lib.features import RaggedArray

# Shorter items than in the benchmark where the network allows, so that this takes little time.
ITEMS = {"cnn_lstm": (64, 64), "blstm_attention": (34,), "crnn_attention": (40,)}
CLASSES = 4


@pytest.mark.parametrize("case", training.cases(), ids=lambda case: case.system.name)
def test_both_ways_give_the_same_posteriors(case):
    item = ITEMS[case.system.name]
    ours = case.system.classifier(0).network.build(item, CLASSES)
    plain = case.build(item, CLASSES)
    rng = np.random.default_rng(0)
    # Drawn anew, as some are zero or one at first, and would hide a weight in the wrong place.
    weights = [
        np.abs(rng.normal(1, 0.2, w.shape)) if w.ndim == 1 else w + rng.normal(0, 0.05, w.shape)
        for w in ours.get_weights()
    ]
    for network in (ours, plain):
        network.set_weights(weights)
    rows = rng.standard_normal((2, case.longest, *item)).astype(np.float32)
    mask = np.ones(rows.shape[:2], bool)
    found = np.asarray(ours({"values": rows, "mask": mask}))
    expected = np.asarray(plain(case.inputs(RaggedArray.from_list(list(rows)), case.longest)))
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-5)

"""The network of every system gives in ONNX what it gives in Keras."""

import json

import pytest
from small_systems import NEURAL, features

from ser_lib.recognition.classifiers import read_fitted, write_fitted

# tf2onnx 1.17 may mix up the axes of this network's attention, which is noticed when it is written.
LEFT_TO_KERAS = ("fcn_attention",)


@pytest.mark.slow
@pytest.mark.parametrize("case", NEURAL)
def test_posteriors_attention_and_bottleneck_of_mixed_batches(case, trained, tmp_path):
    system, classifier = trained(case)
    state, note = write_fitted(classifier, tmp_path)
    if case in LEFT_TO_KERAS and state["runtime"] == "keras":
        assert note.startswith(("it cannot be exported to ONNX", "its ONNX form gives other"))
        assert not (tmp_path / "network.onnx").exists()
        return
    assert (state["runtime"], note) == ("onnx", None)
    exported = read_fitted(tmp_path, json.loads(json.dumps(state)))
    # Frames come by the minute; of segments, which are large, a few seconds are enough.
    long = 60 if len(classifier._item_shape) == 1 else 8
    X = features(system, 0.3, long, 1.1, 4.0, seed=5)
    assert exported.predict_proba(X) == pytest.approx(classifier.predict_proba(X), abs=1e-4)
    short = X.take([0, 2])
    if "attention" in exported.outputs:
        pairs = zip(exported.attention(short), classifier.attention(short), strict=True)
        for found, expected in pairs:
            assert found == pytest.approx(expected, abs=1e-4)
    if "bottleneck" in exported.outputs:
        assert exported.embed(short) == pytest.approx(classifier.embed(short), abs=1e-4)

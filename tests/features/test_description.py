import numpy as np
import pytest

from ser_lib import features
from ser_lib.features import FrontEnd, RaggedArray, describe_shape, variance_between
from ser_lib.features.open_smile import OneVector, OpenSmile


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            {"analysis": features.LogMel(n_mels=40)},
            "2 utterances of 51 to 101 frames, one every 10 ms; a frame: 40 bands",
        ),
        (
            {"analysis": features.WithDeltas(analysis=features.LogMel(n_mels=40, hop_length=320))},
            "2 utterances of 26 to 51 frames, one every 20 ms; a frame: 40 bands x 3 channels",
        ),
        (
            {
                "analysis": features.Descriptors(subset=("zcr", "energy")),
                "segmentation": features.Frames(average=6),
            },
            "2 utterances of 8 to 17 frames, one every 60 ms; a frame: 2 descriptors",
        ),
        (
            {
                "analysis": features.WithDeltas(analysis=features.LogMel(n_mels=64)),
                "segmentation": features.Windows(length=32, hop=16, max_windows=1),
            },
            "2 utterances of 1 segment of 320 ms, one every 160 ms; "
            "a segment: 32 frames x 64 bands x 3 channels",
        ),
        (
            {
                "analysis": features.Descriptors(subset=("zcr", "energy")),
                "segmentation": features.Functionals(),
            },
            "2 utterances of 20 statistics",
        ),
    ],
)
def test_the_shape_is_said_in_units(parts, text):
    front_end = FrontEnd(**parts)
    arrays = RaggedArray.from_list([front_end(np.zeros(n)) for n in (8000, 16000)])
    assert describe_shape(arrays, front_end) == text


def test_one_vector_per_utterance_needs_no_frames():
    front_end = FrontEnd(analysis=OpenSmile(), segmentation=OneVector())
    arrays = RaggedArray.from_list([np.zeros((1, 88), "float32")] * 2)
    assert describe_shape(arrays, front_end) == "2 utterances of 88 statistics"


def test_the_variance_between_groups_by_hand():
    # Means 1 and 3 around 2: 1 of 1 + 1, the variance within being 1.
    assert variance_between(np.array([[0.0], [2.0], [2.0], [4.0]]), list("aabb")) == 0.5
    # What has no group does not count.
    values = np.array([[0.0], [2.0], [2.0], [4.0], [99.0]])
    assert variance_between(values, ["a", "a", "b", "b", None]) == 0.5

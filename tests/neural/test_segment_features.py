"""A backbone with fixed weights as a step of a front end, and a published analysis."""

import pickle

import numpy as np
import pytest
from squeezenet_files import random_weights, write

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.neural.segment_features import RolledLogMel, SegmentFeatures, standardise

WINDOWS = Windows(length=64, hop=32, pad=("floor", 0, 0))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write(tmp_path_factory.mktemp("weights") / "weights.h5", random_weights())


def step(weights, **options):
    defaults = {"segments": WINDOWS, "backbone": "squeezenet", "side": 33, "fire_modules": 3}
    return SegmentFeatures(weights=weights, **(defaults | options))


def frames(count, seed=0):
    return np.random.default_rng(seed).normal(-40, 12, (count, 64, 3)).astype("float32")


def front_end(segmentation):
    return FrontEnd(
        analysis=WithDeltas(analysis=LogMel(n_fft=400, n_mels=64)), segmentation=segmentation
    )


def test_every_segment_gives_a_vector(weights):
    # More segments than one batch holds.
    vectors = step(weights)(frames(64 + 17 * 32))
    assert vectors.shape == (18, 2 * 128)
    assert vectors.dtype == np.float32
    assert np.ptp(vectors, axis=0).max() > 0.1
    assert np.ptp(vectors, axis=1).max() > 0.1


def test_channels_are_scaled_by_the_whole_recording_without_padding():
    given = frames(80) * (1, 0.1, 0.01)
    given[..., 2] = 7
    deviation = (*given.std(axis=(0, 1))[:2], np.inf)
    expected = (given - given.mean(axis=(0, 1))) / deviation
    found = standardise(WINDOWS(given), given)
    np.testing.assert_allclose(found[0], expected[:64], atol=1e-4)
    np.testing.assert_allclose(found[1, :48], expected[32:], atol=1e-4)
    # A constant channel becomes zero.
    assert not found[0, ..., 2].any()


def test_a_vector_does_not_depend_on_how_many_are_computed_together(weights):
    given = frames(64)
    # Copies of one segment have the statistics of one.
    many = np.tile(given, (21, 1, 1))
    apart = Windows(length=64, pad=0.0)
    alone, together = (step(weights, segments=apart)(part) for part in (given, many))
    assert together.shape == (21, 256)
    np.testing.assert_allclose(together, np.repeat(alone, 21, axis=0), rtol=1e-4, atol=1e-4)


def test_identity_depends_on_the_content_of_the_weights(weights, tmp_path):
    moved = tmp_path / "elsewhere.h5"
    moved.write_bytes(weights.read_bytes())
    here, there = (front_end(step(path)) for path in (weights, moved))
    assert here.identity() == there.identity()
    assert "weights.h5" not in str(here.identity())
    assert here.identity() != front_end(step(weights, fire_modules=4)).identity()
    assert here.identity() != front_end(step(weights, side=40)).identity()
    other = write(tmp_path / "other.h5", random_weights(seed=1))
    assert here.identity() != front_end(step(other)).identity()
    # Another process gets the path of the file.
    assert pickle.loads(pickle.dumps(there)).segmentation.weights.path == moved


def test_weights_of_none_and_frames_without_channels_are_refused(weights):
    with pytest.raises(InputError, match="weights is None; expected 'imagenet' or a file"):
        step(None)
    with pytest.raises(InputError, match=r"side is 40\.5; expected an integer"):
        step(weights, side=40.5)
    with pytest.raises(InputError, match=r"shape \(70, 64\); expected \(frames, bands, 3\)"):
        step(weights)(np.zeros((70, 64)))


def test_the_published_analysis_is_that_of_its_tensorflow_code():
    import tensorflow as tf

    signal = np.random.default_rng(0).normal(0, 0.1, 9000).astype("float32")
    # 25 and 10 ms, no centring, the next power of two.
    magnitudes = tf.abs(tf.signal.stft(signal, 551, 220, window_fn=tf.signal.hamming_window))
    matrix = tf.signal.linear_to_mel_weight_matrix(64, 513, 22050, 20.0, 8000.0)
    static = np.log(tf.matmul(magnitudes, matrix).numpy() + 1e-6)
    first = static - np.concatenate([static[1:], static[:1]])
    second = first - np.concatenate([first[1:], first[:1]])
    found = RolledLogMel()(signal, 22050)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack([static, first, second], axis=-1), atol=1e-3)


def test_the_published_analysis_pads_signals_shorter_than_a_frame():
    assert RolledLogMel()(np.zeros(10, np.float32), 22050).shape == (1, 64, 3)
    with pytest.raises(InputError, match="sample_rate is 8000; expected at least 16,000 Hz"):
        RolledLogMel()(np.zeros(900, np.float32), 8000)

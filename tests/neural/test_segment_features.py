"""A frozen backbone as a step of a front end, and the analysis of a source."""

import pickle

import numpy as np
import pandas as pd
import pytest
import soundfile
from test_squeezenet import made_up, write

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.neural.segment_features import RolledLogMel, SegmentFeatures, standardised

WINDOWS = Windows(length=64, hop=32, pad=("floor", 0, 0))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write(tmp_path_factory.mktemp("weights") / "weights.h5", made_up())


def step(weights, **options):
    options = {"segments": WINDOWS, "backbone": "squeezenet", "side": 33, "modules": 3} | options
    return SegmentFeatures(weights=weights, **options)


def frames(count, seed=0):
    return np.random.default_rng(seed).normal(-40, 12, (count, 64, 3)).astype("float32")


def front_end(segmentation):
    return FrontEnd(
        analysis=WithDeltas(analysis=LogMel(n_fft=400, n_mels=64)), segmentation=segmentation
    )


def test_every_segment_gives_a_vector(weights):
    # More segments than are looked at together.
    given = frames(64 + 17 * 32)
    found = step(weights)(given)
    assert found.shape == (18, 2 * 128)
    assert found.dtype == np.float32
    assert np.ptp(found, axis=0).max() > 0.1
    assert np.ptp(found, axis=1).max() > 0.1


def test_channels_are_scaled_by_the_whole_recording():
    given = frames(96) * (1, 0.1, 0.01)
    expected = (given - given.mean(axis=(0, 1))) / given.std(axis=(0, 1))
    found = standardised(WINDOWS(given), given)
    np.testing.assert_allclose(found, [expected[:64], expected[32:]], atol=1e-4)


def test_a_vector_does_not_depend_on_how_many_are_computed_together(weights):
    given = frames(64)
    # Copies of one segment have the statistics of one.
    many = np.tile(given, (21, 1, 1))
    apart = Windows(length=64, pad=0.0)
    alone, together = (step(weights, segments=apart)(part) for part in (given, many))
    assert together.shape == (21, 256)
    np.testing.assert_allclose(together, np.repeat(alone, 21, axis=0), rtol=1e-4, atol=1e-4)


def test_a_silent_channel_is_nothing_and_padding_does_not_count(weights):
    given = frames(10)
    given[..., 2] = 7
    pictures = standardised(WINDOWS(given), given)
    np.testing.assert_allclose(pictures[0, :10, :, :2].mean(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(pictures[0, :10, :, :2].std(axis=(0, 1)), 1, atol=1e-4)
    assert (pictures[0, :10, :, 2] == 0).all()
    assert np.isfinite(step(weights)(np.zeros((3, 64, 3), np.float32))).all()


def test_its_identity_is_the_content_of_the_weights(weights, tmp_path):
    moved = tmp_path / "elsewhere.h5"
    moved.write_bytes(weights.read_bytes())
    here, there = (front_end(step(path)) for path in (weights, moved))
    assert here.identity() == there.identity()
    assert "weights.h5" not in str(here.identity())
    assert here.identity() != front_end(step(weights, modules=4)).identity()
    assert here.identity() != front_end(step(weights, side=40)).identity()
    other = write(tmp_path / "other.h5", made_up(seed=1))
    assert here.identity() != front_end(step(other)).identity()
    # Another process gets the file's place along.
    assert pickle.loads(pickle.dumps(there)).segmentation.weights.path == moved


class Corpus:
    """As much of a corpus as features need."""

    name, fingerprint = "two", "f" * 64

    def __init__(self, folder):
        rng = np.random.default_rng(0)
        for seconds in (0.2, 0.9):
            soundfile.write(
                folder / f"{seconds}.wav", rng.normal(0, 0.1, int(16000 * seconds)), 16000
            )
        files = {f"u{s}": str(folder / f"{s}.wav") for s in (0.2, 0.9)}
        self.table = pd.DataFrame({"path": files})


def test_features_are_computed_once_and_found_again_without_the_file(
    weights, tmp_path, monkeypatch
):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    corpus = Corpus(tmp_path)
    found = front_end(step(weights)).extract(corpus, progress=False)
    assert found.lengths.tolist() == [1, 2]
    assert found.item_shape == (256,)
    monkeypatch.setattr(SegmentFeatures, "__call__", lambda self, frames: 1 / 0)
    again = front_end(step(weights)).extract(corpus, progress=False)
    np.testing.assert_array_equal(again.values, found.values)


def test_what_is_kept_is_what_is_computed(weights):
    """Where this fails, other features are computed: raise `version`, and note the new ones."""
    time, band = np.meshgrid(np.arange(90), np.arange(64), indexing="ij")
    static = np.sin(time / 9) * np.cos(band / 7) + band / 20
    given = np.stack([static, np.cos(time / 5 + band), np.sin(time * band / 50)], axis=-1)
    found = step(weights)(given.astype("float32"))
    assert step(weights).version == 1
    np.testing.assert_allclose(found.mean(), KEPT[0], rtol=1e-3)
    np.testing.assert_allclose(found[:, ::50].ravel(), KEPT[1:], rtol=5e-3)


KEPT = (
    95.041,
    *(4.1018, 81.102, 15.797, 52.479, 490.43, 115.16),
    *(14.461, 83.017, 18.207, 72.856, 450.62, 137.89),
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": None}, "weights is None; expected 'imagenet' or a file"),
        ({"side": 12}, "squeezenet on pictures of 12 × 12; expected sides of 31"),
        ({"side": 40.5}, "side is 40.5; expected a whole number"),
        ({"backbone": "alexnett"}, "did you mean 'alexnet'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message, weights):
    with pytest.raises(InputError, match=message):
        step(**{"weights": weights} | options)


def test_frames_without_channels_are_refused(weights):
    with pytest.raises(InputError, match=r"shape \(70, 64\); expected \(frames, bands, 3\)"):
        step(weights)(np.zeros((70, 64)))


def test_the_analysis_of_the_source_is_that_of_its_tensorflow_code():
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


def test_the_analysis_of_the_source_takes_what_is_shorter_than_a_frame():
    assert RolledLogMel()(np.zeros(10, np.float32), 22050).shape == (1, 64, 3)
    with pytest.raises(InputError, match="rate is 8000; expected at least 16,000 Hz"):
        RolledLogMel()(np.zeros(900, np.float32), 8000)

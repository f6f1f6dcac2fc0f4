"""What a trained classifier gives: posteriors, attention weights, embeddings."""

import logging

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.exceptions import NotFittedError
from tiny_networks import AttentionNetwork, SegmentNetwork, classifier, rows, segment_rows

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import inference


@pytest.fixture(scope="module")
def attending():
    return classifier(AttentionNetwork(), epochs=1, batch_size=5, learning_rate=0.1).fit(*rows(12))


@pytest.fixture(scope="module")
def segmented():
    return classifier(SegmentNetwork(), epochs=1, batch_size=4, pool="max").fit(*segment_rows())


def test_posteriors_do_not_depend_on_batch_or_padding(attending):
    rng = np.random.default_rng(3)
    frames = [rng.normal(size=(n, 2)).astype("float32") for n in (40, 1, 17, 2, 3)]
    together = attending.predict_proba(RaggedArray.from_list(frames))
    alone = [attending.predict_proba(RaggedArray.from_list([row]))[0] for row in frames]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_many_windows_are_read_in_pieces_with_the_same_result(monkeypatch):
    from ser_lib.systems import CnnLstm

    system = CnnLstm(epochs=1, patience=None, filters=(4, 4, 4, 4), lstm_units=8)
    rng = np.random.default_rng(0)
    X = RaggedArray.from_list(
        [rng.normal(size=(n, 128, 64)).astype("float32") for n in (3, 2, 2, 31)]
    )
    fitted = system.classifier().fit(X, ["anger", "anger", "sadness", "sadness"])
    whole, first = fitted.predict_proba(X), fitted.embed(X, layer="posteriors")
    sizes = []
    apply = type(fitted.network_).predict_on_batch
    monkeypatch.setattr(
        type(fitted.network_), "predict_on_batch",
        lambda model, batch: sizes.append(len(batch)) or apply(model, batch),
    )  # fmt: skip
    monkeypatch.setattr(inference, "_LARGEST", 16)
    monkeypatch.setattr(inference, "_PIECE", 8)
    np.testing.assert_allclose(fitted.predict_proba(X), whole, atol=1e-6)
    np.testing.assert_allclose(fitted.embed(X, layer="posteriors"), first, atol=1e-6)
    assert len(sizes) > 10
    # The network is still whole: it can be saved.
    fitted.network_.get_config()


def test_pieces_follow_the_network_through_its_training(monkeypatch):
    from ser_lib.systems import CnnLstm

    monkeypatch.setattr(inference, "_LARGEST", 4)
    system = CnnLstm(epochs=3, patience=2, learning_rate=0.02, filters=(4, 4, 4, 4), lstm_units=8)
    rng = np.random.default_rng(0)
    X = RaggedArray.from_list([rng.normal(size=(6, 128, 64)).astype("float32") for _ in range(6)])
    y = ["anger", "sadness"] * 3
    fitted = system.classifier().fit(X, y, validation=(X, y))
    in_pieces = fitted.predict_proba(X)
    monkeypatch.setattr(inference, "_LARGEST", 256)
    np.testing.assert_allclose(in_pieces, fitted.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_pooled_posteriors_follow_from_those_of_the_segments(pool, segmented):
    X, _ = segment_rows()
    segmented.set_params(pool=pool)
    segments = segmented.segment_posteriors(X)
    assert [part.shape for part in segments] == [(n, 3) for n in X.lengths]
    for posteriors, part in zip(segmented.predict_proba(X), segments, strict=True):
        np.testing.assert_allclose(part.sum(axis=1), 1, rtol=1e-5)
        # Element-wise maximum or mean of the log posteriors, normalised to a sum of one.
        logarithms = getattr(np.log(part), pool)(axis=0)
        np.testing.assert_allclose(posteriors, softmax(logarithms), rtol=1e-6)
    # The posteriors of a segment do not depend on the others.
    alone = segmented.segment_posteriors(X.take([2]))[0]
    np.testing.assert_allclose(alone, segments[2], atol=1e-6)
    # A row of one segment has the posteriors of the segment.
    np.testing.assert_allclose(segmented.predict_proba(X)[1], segments[1][0], rtol=1e-6)


def test_attention_and_embeddings_of_segments(segmented):
    X, _ = segment_rows()
    weights = segmented.attention(X)
    assert [part.shape for part in weights] == [(n, 7) for n in X.lengths]
    np.testing.assert_allclose(np.concatenate(weights).sum(axis=1), 1, rtol=1e-5)
    vectors = segmented.embed(X)
    assert vectors.shape == (6, 5)
    assert vectors.dtype == np.float32
    mean = segmented.embed(X.items())[4:10].mean(axis=0)
    np.testing.assert_allclose(vectors[2], mean, rtol=1e-5, atol=1e-6)


def test_attention_has_a_weight_for_each_frame_of_a_row(attending):
    X, _ = rows(9, seed=3)
    kernel, bias = attending.network_.get_layer("scores").get_weights()
    weights = attending.attention(X)
    training, _ = rows(12)
    mean, deviation = training.values.mean(axis=0), training.values.std(axis=0)
    for row, found in zip(X, weights, strict=True):
        scores = (row - mean) / deviation @ kernel + bias
        assert found.shape == (len(row),)
        assert found.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(found, softmax(scores[:, 0]), rtol=1e-3)
    np.testing.assert_allclose(attending.attention(X.take([4]))[0], weights[4], atol=1e-6)


def test_embeddings_are_outputs_of_a_layer_of_the_network(attending):
    X, _ = rows(9, seed=3)
    vectors = attending.embed(X)
    assert vectors.shape == (9, 5)
    # The posteriors follow from them.
    kernel, bias = attending.network_.layers[-1].get_weights()
    posteriors = softmax(vectors @ kernel + bias, axis=1)
    np.testing.assert_allclose(posteriors, attending.predict_proba(X), atol=1e-5)
    with pytest.raises(InputError, match="'bottlenek'; did you mean 'bottleneck'"):
        attending.embed(X, layer="bottlenek")


def test_retraced_networks_give_no_warning(attending, caplog):
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.addHandler(caplog.handler)
    try:
        for frames in range(20, 420, 40):
            attending.predict_proba(RaggedArray.from_list([np.ones((frames, 2), "float32")]))
        tensorflow.warning("5 out of the last 5 calls triggered tf.function retracing")
        assert not caplog.records
        tensorflow.warning("anything else")
        assert {record.getMessage() for record in caplog.records} == {"anything else"}
    finally:
        tensorflow.removeHandler(caplog.handler)


def test_no_rows_have_no_posteriors(attending):
    no_rows = rows(3)[0].take([])
    assert attending.predict_proba(no_rows).shape == (0, 3)
    assert attending.predict(no_rows).shape == (0,)
    with pytest.raises(InputError, match="X holds no utterances; expected at least one"):
        attending.embed(no_rows)


def test_an_error_names_what_the_network_does_not_have(attending, segmented):
    with pytest.raises(InputError, match=r"unknown layer of attending 'atention'; did you mean"):
        segmented.embed(segment_rows()[0], layer="atention")
    with pytest.raises(InputError, match="pool is None; expected 'mean' or 'max', with which"):
        attending.segment_posteriors(rows(3)[0])


@pytest.mark.parametrize("method", ["predict_proba", "attention", "embed"])
def test_items_of_another_shape_than_in_training_are_refused(method, attending):
    with pytest.raises(InputError, match=r"X has items of shape \(3,\); expected \(2,\)"):
        getattr(attending, method)(RaggedArray.from_list([np.ones((4, 3))]))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "attention", "embed"])
def test_an_untrained_classifier_is_refused(method):
    with pytest.raises(NotFittedError):
        getattr(classifier(), method)(rows(3)[0])


@pytest.mark.parametrize("method", ["predict_proba", "segment_posteriors", "attention", "embed"])
def test_a_row_without_items_is_refused_by_every_method(method, segmented):
    X, _ = segment_rows()
    lengths = X.lengths.copy()
    lengths[2:4] = 0, lengths[2] + lengths[3]
    X = RaggedArray(X.values, np.concatenate([[0], np.cumsum(lengths)]))
    with pytest.raises(InputError, match="X: row 2 holds no items; expected at least one per row"):
        getattr(segmented, method)(X)
    with pytest.raises(InputError, match="X is a ndarray; expected a RaggedArray"):
        getattr(segmented, method)(X.values)

"""A recogniser: the posteriors of its classifier, for files and waveforms of any length."""

import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib.errors import InputError, InputWarning
from ser_lib.evaluation.calibration import apply_temperature
from ser_lib.features import RaggedArray
from ser_lib.recognition import load
from ser_lib.recognition.recogniser import SHIPPED, shipped
from ser_lib.signal import decode


def posterior_columns(table):
    return [c for c in table if c.startswith("p_")]


def expected(recogniser, signal):
    """Posteriors of a signal by the parts of the model, one after the other."""
    features = RaggedArray.from_list([recogniser.front_end(signal)])
    p = recogniser.classifier.predict_proba(features)[0]
    order = [list(recogniser.classifier.classes_).index(c) for c in recogniser.classes]
    return apply_temperature(p[order], recogniser.description["temperature"])


def test_a_row_per_recording(recogniser, recordings):
    paths = [recordings / "a.wav", recordings / "b.wav"]
    table = recogniser.predict(paths)
    assert list(table.columns) == [
        *("recording", "start", "end", "emotion", "posterior"),
        *(f"p_{c}" for c in recogniser.classes),
        "remark",
    ]
    assert table["recording"].tolist() == [str(p) for p in paths]
    p = table[posterior_columns(table)].to_numpy()
    for path, row in zip(paths, p, strict=True):
        assert row == pytest.approx(expected(recogniser, decode(path).signal), abs=1e-6)
    assert table["emotion"].tolist() == [recogniser.classes[i] for i in p.argmax(axis=1)]
    assert table["posterior"].to_numpy() == pytest.approx(p.max(axis=1))
    assert table["end"].to_numpy() == pytest.approx(
        [soundfile.info(str(path)).duration for path in paths], abs=1e-3
    )


def test_a_single_path_and_a_waveform_are_taken_like_a_list(recogniser, recordings):
    path = recordings / "a.wav"
    of_path = recogniser.predict(path)
    of_waveform = recogniser.predict((decode(path).signal, 16000))
    assert of_waveform["recording"].tolist() == ["waveform 1"]
    pd.testing.assert_frame_equal(
        of_path.drop(columns="recording"), of_waveform.drop(columns="recording")
    )
    both = recogniser.predict([str(path), (decode(path).signal, 16000)])
    assert len(both) == 2


@pytest.mark.parametrize("several", [tuple, list, iter])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_recordings_may_come_in_any_form(recogniser, speech, several, count):
    pairs = [(speech[start : start + 32000], 16000) for start in range(0, count * 8000, 8000)]
    table = recogniser.predict(several(pairs))
    assert table["recording"].tolist() == [f"waveform {i + 1}" for i in range(count)]
    assert len(recogniser.embed(several(pairs))) == count
    assert len(list(recogniser.results(several(pairs)))) == count


def test_results_take_a_single_recording_as_well(recogniser, recordings):
    path = recordings / "a.wav"
    for recording in (path, str(path), (decode(path).signal, 16000)):
        ((result,),) = recogniser.results(recording)
        assert result.posteriors is not None


def test_the_rows_do_not_depend_on_what_else_is_asked_for(recogniser, corpus):
    paths = list(corpus.table["path"])[:8]
    together = recogniser.predict(paths)
    alone = pd.concat([recogniser.predict(p) for p in paths[:3]], ignore_index=True)
    pd.testing.assert_frame_equal(together.head(3), alone)
    assert together["recording"].tolist() == paths


def test_a_file_that_cannot_be_read_has_a_row_and_the_others_go_on(recogniser, recordings):
    (recordings / "bad.wav").write_bytes(b"nothing")
    paths = [recordings / n for n in ("a.wav", "bad.wav", "missing.wav", "b.wav")]
    table = recogniser.predict(paths)
    assert table["emotion"].isna().tolist() == [False, True, True, False]
    assert table[posterior_columns(table)].isna().all(axis=1).tolist() == [
        *(False, True, True, False)
    ]
    assert "bad.wav: cannot be decoded" in table["remark"][1]
    assert "missing.wav: does not exist" in table["remark"][2]


def test_a_recording_without_speech_is_said_to_hold_none(recogniser):
    table = recogniser.predict([(np.zeros(32000), 16000)])
    assert table.loc[0, "remark"] == "no speech"
    assert pd.isna(table.loc[0, "emotion"])
    assert table.loc[0, "end"] == 2.0


def test_what_is_not_known_is_none_among_texts_and_nan_among_numbers(recogniser, speech):
    """In every version of pandas, and whatever else is in the table."""
    recordings = [(speech[:48000], 16000), (np.zeros(32000), 16000), "missing.wav"]
    tables = [recogniser.predict(recordings), recogniser.predict("missing.wav")]
    signal = np.concatenate([speech[:48000], np.zeros(48000, "float32")])
    tables.append(recogniser.timeline((signal, 16000), window=3, hop=3))
    for table in tables:
        texts = ["recording", "emotion", "remark"]
        assert set(table[texts].dtypes.map(str)) == {"object"}
        assert set(table.drop(columns=texts).dtypes.map(str)) == {"float64"}
        for emotion, posterior in zip(table["emotion"], table["posterior"], strict=True):
            assert emotion in recogniser.classes or (emotion is None and pd.isna(posterior))
    assert [table["emotion"].isna().sum() for table in tables] == [2, 1, 1]


def test_the_timeline_is_the_prediction_of_each_window(recogniser, speech):
    signal = speech[: 7 * 16000]
    table = recogniser.timeline((signal, 16000), window=2, hop=1.5)
    assert table["start"].tolist() == [0, 1.5, 3, 4.5, 5]
    assert table["end"].tolist() == [2, 3.5, 5, 6.5, 7]
    p = table[posterior_columns(table)].to_numpy()
    for start, row in zip(table["start"], p, strict=True):
        part = signal[int(start * 16000) : int(start * 16000) + 32000]
        assert row == pytest.approx(expected(recogniser, part), abs=1e-6)


def test_silence_in_a_timeline_has_no_emotion(recogniser, speech):
    signal = np.concatenate([speech[:48000], np.zeros(48000, "float32"), speech[:48000]])
    table = recogniser.timeline((signal, 16000), window=3, hop=3)
    assert table["remark"].tolist() == ["", "no speech", ""]
    assert table["emotion"].isna().tolist() == [False, True, False]


def test_a_recording_shorter_than_the_window_is_a_whole_and_said_to_be(recogniser, speech):
    recording = (speech[:16000], 16000)
    with pytest.warns(InputWarning, match="1 recording is shorter than the window of 3 s"):
        table = recogniser.timeline(recording)
    assert table["end"].tolist() == [1.0]
    assert table["posterior"].tolist() == recogniser.predict(recording)["posterior"].tolist()


def test_a_window_that_is_rounded_to_samples_is_no_shorter_recording(recogniser):
    """Its 5333 samples last 0.02 ms less than asked for; warnings are errors in tests."""
    table = recogniser.timeline((np.zeros(32000), 16000), window=1 / 3, hop=1 / 3)
    assert table["end"].tolist()[0] == 0.333
    assert len(table) == 7


@pytest.mark.slow
def test_a_long_recording_is_the_mean_of_its_windows(recogniser, speech, tmp_path):
    silence = np.zeros(6 * 16000, "float32")
    signal = np.concatenate([np.resize(speech, 63 * 16000), silence])
    path = tmp_path / "long.wav"
    soundfile.write(path, signal, 16000, subtype="FLOAT")
    table = recogniser.predict([path, (signal, 16000)])
    windows = recogniser.timeline(path, window=3, hop=3)
    speaking = windows[windows["remark"] == ""]
    assert 0 < len(speaking) < len(windows)
    columns = posterior_columns(table)
    mean = speaking[columns].mean().to_numpy()
    for row in range(2):
        assert table.loc[row, columns].to_numpy(float) == pytest.approx(mean, abs=2e-6)
        assert table.loc[row, "remark"] == f"mean over {len(speaking)} windows of 3 s with speech"
        assert table.loc[row, "end"] == 69.0


def test_a_recording_that_breaks_off_has_no_posteriors_and_spoils_no_other(
    recogniser, recordings, tmp_path
):
    path = tmp_path / "cut.flac"
    rng = np.random.default_rng(0)
    soundfile.write(path, rng.normal(0, 0.1, 100 * 16000).clip(-1, 1), 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    table = recogniser.predict([recordings / "a.wav", path, recordings / "b.wav"])
    assert table["emotion"].isna().tolist() == [False, True, False]
    assert "cut.flac" in table["remark"][1]
    for row, name in ((0, "a.wav"), (2, "b.wav")):
        alone = recogniser.predict(recordings / name)
        assert table["posterior"][row] == alone["posterior"][0]


def test_results_come_while_recordings_are_read(recogniser, speech):
    """Of very many recordings only some wait for each other, so that memory stays flat."""
    taken = []

    def recordings():
        for i in range(200):
            taken.append(i)
            yield speech[:4000], 16000

    results = recogniser.results(recordings())
    next(results)
    assert len(taken) == 64
    assert 1 + sum(1 for _ in results) == 200


def test_results_of_discriminant_analysis_come_before_the_next_recording_is_read(speech):
    taken = []

    def recordings():
        for i in range(5):
            taken.append(i)
            yield speech[i * 16000 :][:32000], 16000

    for number, _ in enumerate(load().results(recordings()), start=1):
        assert len(taken) == number


def test_how_much_of_the_recordings_is_read_is_told_window_by_window(recogniser, speech):
    long, silence = np.tile(speech, 40)[: 80 * 16000], np.zeros(5 * 16000, np.float32)
    told = []
    given = [(silence, 16000), (long, 16000), ("no recording", 16000), (silence, 16000)]
    results = list(recogniser.results(given, read=told.append))
    assert [each[0].failed for each in results] == [False, False, True, False]
    # The windows of 3 s of the second one: the first comes with the beginning.
    windows = [1 + min(3 * n, 80) / 80 for n in range(2, 28)]
    np.testing.assert_allclose(told, [1, *windows, 2, 3, 4])


def test_windows_of_a_long_recording_come_in_parts_and_the_first_may_be_left_out(
    recogniser, speech, monkeypatch
):
    monkeypatch.setattr("ser_lib.recognition.recogniser._PIECES", 4)
    long, short = np.tile(speech, 40)[: 80 * 16000], speech[: 16000 * 4]
    given = [(short, 16000), (long, 16000), (short, 16000)]
    parts = list(recogniser.results(given, window=3, hop=1))
    names = [{each.recording for each in part} for part in parts]
    assert all(len(each) == 1 for each in names)
    assert len(parts) > 10
    results = [result for part in parts for result in part]
    table = recogniser.timeline((long, 16000), window=3, hop=1)
    own = [each for each in results if each.recording == "waveform 2"]
    assert [each.start for each in own] == table["start"].tolist()
    assert [each.recording for each in results] == sorted(each.recording for each in results)
    later = [r for part in recogniser.results(given[1:], window=3, hop=1, skip=30) for r in part]
    assert [each.start for each in later] == [*table["start"][30:], 0.0, 1.0]
    for one, other in zip(own[30:], later, strict=False):
        np.testing.assert_allclose(one.posteriors, other.posteriors, atol=1e-6)


def test_an_error_of_the_classifier_is_no_error_of_a_recording(recogniser, recordings, monkeypatch):
    def broken(features):
        raise RuntimeError("defect")

    monkeypatch.setattr(recogniser.classifier, "predict_proba", broken)
    with pytest.raises(RuntimeError, match="defect"):
        recogniser.predict(recordings / "a.wav")


def assert_refused(recogniser, given, said):
    """Every method that takes several recordings refuses them in these words."""
    for method in (
        recogniser.predict,
        recogniser.embed,
        lambda given: [*recogniser.results(given)],
    ):
        with pytest.raises(InputError, match=said):
            method(given)


@pytest.mark.parametrize(
    "given", [(16000, np.zeros(16000)), [3.5], [None], [(np.zeros(16000), 16000, 1)], [()]]
)
def test_what_is_no_recording_is_named(recogniser, given):
    said = r"recording 1 is of type \w+( of \d)?; expected a path, or a pair of a waveform and its"
    assert_refused(recogniser, given, said)


@pytest.mark.parametrize("given", [None, 5, b"a.wav", 2.5])
def test_what_holds_no_recordings_is_named(recogniser, given):
    said = re.escape(f"recordings is {given!r}; expected a path, or a pair of a waveform and its ")
    assert_refused(recogniser, given, said)


@pytest.mark.parametrize("method", ["timeline", "read", "contributions"])
def test_a_list_is_no_single_recording(method, recordings):
    with pytest.raises(InputError, match="recording 1 is of type list; expected a path, or a pair"):
        getattr(load(), method)([recordings / "a.wav"])


def test_of_several_recordings_the_one_that_cannot_be_embedded_is_named(recogniser, speech):
    long = np.zeros(61 * 16000, np.float32)
    with pytest.raises(InputError, match="waveform 2: is longer than 60 s; expected a shorter one"):
        recogniser.embed([(speech[:32000], 16000), (long, 16000)])


@pytest.mark.parametrize("default", [True, False])
def test_features_that_are_none_of_the_front_end_are_refused(recogniser, speech, default):
    recogniser = load() if default else recogniser
    items = recogniser.front_end(speech[:32000])
    said = rf"expected a RaggedArray with items of shape \({items.shape[1]},\), of front_end"
    with pytest.raises(InputError, match=f"features is of type ndarray; {said}"):
        recogniser.posteriors(items)
    with pytest.raises(InputError, match=rf"features has items of shape \(2,\); {said}"):
        recogniser.posteriors(RaggedArray.from_list([items[:, :2]]))
    for bad in (np.nan, np.inf):
        rows = [items, np.where(np.arange(items.shape[1]) == 1, bad, items)]
        with pytest.raises(InputError, match="features of row 1 are not finite; expected finite"):
            recogniser.posteriors(RaggedArray.from_list(rows))


def test_a_window_may_be_a_number_of_numpy(recogniser, speech):
    recording = (speech[: 4 * 16000], 16000)
    expected = recogniser.timeline(recording, window=2, hop=1)
    for kind in (np.float32, np.float16, np.int64):
        table = recogniser.timeline(recording, window=kind(2), hop=kind(1))
        pd.testing.assert_frame_equal(table, expected)


def test_bad_input_is_refused(recogniser, recordings):
    with pytest.raises(InputError, match="no recordings were given"):
        recogniser.predict([])
    with pytest.raises(InputError, match="hop is 1 without a window"):
        next(recogniser.results(["a"], hop=1))
    with pytest.raises(InputError, match="hop is 0 s"):
        recogniser.timeline(recordings / "a.wav", window=1, hop=0)
    with pytest.raises(InputError, match="does not exist"):
        recogniser.timeline(recordings / "missing.wav")
    with pytest.raises(InputError, match="svm is not linear in its features"):
        recogniser.contributions(recordings / "a.wav")
    with pytest.raises(InputError, match="svm has no attention"):
        recogniser.attention(recordings / "a.wav")


def test_embeddings_are_what_the_machine_decides_by(recogniser, recordings):
    paths = [recordings / "a.wav", recordings / "b.wav"]
    found = recogniser.embed(paths)
    pipeline = recogniser.classifier.pipeline_
    assert found.shape == (2, pipeline["svc"].n_features_in_)
    signals = [decode(path, sample_rate=16000).signal for path in paths]
    rows = np.concatenate([recogniser.front_end(signal) for signal in signals])
    np.testing.assert_allclose(found, pipeline[:-1].transform(rows), rtol=1e-5)


def test_without_a_shipped_model_one_must_be_named(tmp_path, monkeypatch):
    monkeypatch.setattr("ser_lib.recognition.recogniser.SHIPPED", tmp_path / "none")
    with pytest.raises(InputError, match="no model came with this installation"):
        load()


@pytest.mark.parametrize("model", [5, b"model", ["model"]])
def test_a_model_is_named_by_a_path(model):
    with pytest.raises(InputError, match=r"model is .*; expected a folder that `ser train` wrote"):
        load(model)


def test_a_shipped_model_has_a_name_and_one_needs_none(svm_folder, monkeypatch):
    monkeypatch.setattr("ser_lib.recognition.recogniser.SHIPPED", svm_folder)
    assert load().folder == svm_folder
    assert SHIPPED.name in shipped()
    assert load(SHIPPED.name).folder == SHIPPED

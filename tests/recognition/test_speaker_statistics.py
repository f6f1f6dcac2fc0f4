"""Models whose features are scaled by the statistics of whoever speaks."""

import dataclasses

import numpy as np
import pytest

from ser_lib import cli
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import extract, standardise_by
from ser_lib.recognition import demo, load
from ser_lib.recognition.transfer import evaluate_model

QUIET = "ignore:the statistics of the speaker"


@pytest.fixture(scope="module")
def model(speaker_folder):
    return load(speaker_folder)


def paths_of(corpus, speaker):
    return list(corpus.table.loc[corpus.table["speaker"] == speaker, "path"])


def posteriors(table):
    return table.filter(like="p_").to_numpy(float)


def test_a_speaker_is_recognised_as_an_evaluation_by_speaker_does(model, corpus):
    (features,) = extract(corpus, [model.front_end])
    expected = model.posteriors(standardise_by(features, corpus.table["speaker"].to_numpy(str)))
    for speaker in corpus.speakers:
        recordings = paths_of(corpus, speaker)
        found = model.for_speaker(recordings).predict(recordings)
        own = (corpus.table["speaker"] == speaker).to_numpy()
        np.testing.assert_allclose(posteriors(found), expected[own], atol=1e-5)
    evaluation, _ = evaluate_model(model, corpus, seen=True, progress=False)
    rows = evaluation.predictions.set_index("utterance").loc[corpus.table.index.astype(str)]
    np.testing.assert_allclose(posteriors(rows), expected, atol=1e-5)
    said = f"over all {len(corpus.table)} recordings of the corpus."
    assert evaluation.record["protocol_description"].endswith(said)


def test_recordings_of_unknown_emotions_count_in_the_statistics_of_their_speaker(model, corpus):
    before, _ = evaluate_model(model, corpus, seen=True, progress=False)
    table = corpus.table.copy()
    unknown = np.arange(len(table)) % 3 == 0
    table.loc[unknown, "emotion"] = "surprise"
    other = dataclasses.replace(corpus, table=table)
    after, _ = evaluate_model(model, other, seen=True, progress=False)
    assert set(after.predictions["utterance"]) == set(table.index[~unknown])
    known = table.index[~unknown]
    rows = [e.predictions.set_index("utterance").loc[known] for e in (before, after)]
    np.testing.assert_array_equal(*(own[["recognised", "posterior"]] for own in rows))
    assert before.record["digest"] != after.record["digest"]


def test_the_statistics_of_others_give_other_posteriors_and_another_digest(model, corpus):
    one, other = (model.for_speaker(paths_of(corpus, s)) for s in corpus.speakers[:2])
    recording = paths_of(corpus, corpus.speakers[0])[0]
    difference = posteriors(one.predict(recording)) - posteriors(other.predict(recording))
    assert np.abs(difference).max() > 1e-4
    assert len({model.digest, one.digest, other.digest}) == 3
    assert one.digest == model.for_speaker(paths_of(corpus, corpus.speakers[0])).digest


def test_windows_and_embeddings_are_scaled_as_well(model, corpus, speech):
    recordings = paths_of(corpus, corpus.speakers[0])
    speaker = model.for_speaker(recordings)
    assert speaker.timeline((speech[: 16000 * 7], 16000))["emotion"].notna().any()
    (features,) = extract(corpus, [model.front_end])
    scaled = standardise_by(features, corpus.table["speaker"].to_numpy(str))
    own = np.flatnonzero(corpus.table["speaker"] == corpus.speakers[0])[:3]
    np.testing.assert_allclose(
        speaker.embed(recordings[:3]), model.classifier.embed(scaled.take(own)), atol=1e-4
    )


@pytest.mark.parametrize("use", ["predict", "timeline", "embed"])
def test_without_a_speaker_nothing_is_recognised(model, corpus, use):
    with pytest.raises(InputError, match="by_speaker scales features by the statistics of their"):
        getattr(model, use)(corpus.table["path"].iloc[0])


def test_statistics_need_recordings_with_speech(model, recogniser, corpus, tmp_path):
    silence, recordings = (np.zeros(16000, np.float32), 16000), paths_of(corpus, "f01")
    with pytest.raises(InputError, match="there is speech in 1 of 2 recordings of the speaker; ex"):
        model.for_speaker([silence, recordings[0]])
    with pytest.warns(InputWarning, match="are those of 9 recordings; expected 10 or more"):
        model.for_speaker(recordings[:9])
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.warns(InputWarning, match=r"1 of 11 recordings of the speaker cannot be read.*bro"):
        some = model.for_speaker([*recordings[:10], tmp_path / "broken.wav"])
    assert some.digest == model.for_speaker(recordings[:10]).digest
    with pytest.raises(InputError, match="small_svm does not scale features by speaker; expected"):
        recogniser.for_speaker(recordings)


@pytest.mark.filterwarnings(QUIET)
def test_the_command_line_takes_the_recordings_of_a_speaker(
    speaker_folder, svm_folder, recordings, tmp_path, capsys
):
    folder, out = str(recordings), str(tmp_path / "out.csv")
    words = ["predict", "--model", str(speaker_folder)]
    assert cli.main([*words, "--speaker", folder, folder, "-o", out]) == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == 5
    # Another speaker's statistics make other rows.
    assert cli.main([*words, "--speaker", f"{folder}/a.wav", "--speaker", f"{folder}/b.wav",
                     folder, "-o", out]) == 2  # fmt: skip
    assert "or scaled by other recordings of a speaker" in capsys.readouterr().err
    assert cli.main([*words, folder]) == 2
    assert "expected recordings of the speaker (--speaker, or" in capsys.readouterr().err
    assert cli.main(["predict", "--model", str(svm_folder), "--speaker", folder, folder]) == 2
    assert "does not scale features by speaker" in capsys.readouterr().err


def test_the_card_says_how_a_speaker_is_given(speaker_folder, svm_folder):
    card, other = ((folder / "README.md").read_text() for folder in (speaker_folder, svm_folder))
    assert "ser predict --model FOLDER --speaker RECORDINGS recording.wav" in card
    assert "load(folder).for_speaker(recordings)" in card
    assert "speaker(" not in other


def test_the_page_refuses_a_model_that_needs_a_speaker(speaker_folder, monkeypatch):
    monkeypatch.setattr(demo, "_import_gradio", lambda: None)
    with pytest.raises(InputError, match="statistics of whoever speaks, which the page does not"):
        demo.serve(str(speaker_folder))

"""A model on another corpus: the emotions both know, in the reports like any other evaluation."""

import dataclasses
import re
import shlex

import numpy as np
import pandas as pd
import pytest
import soundfile
from small_models import QUICK_SVM

from ser_lib import cli, load_corpus, paths, systems
from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.predictions import Evaluation, score_all_outputs
from ser_lib.experiment import results
from ser_lib.recognition import evaluate_model, load, train
from ser_lib.recognition.expected import expected_scores
from ser_lib.recognition.result_page import result_html
from ser_lib.recognition.transfer import add_score
from ser_lib.reporting import build_report


@pytest.fixture
def other(corpus, tmp_path):
    """A folder of other takes of speakers, with an emotion that the model does not know."""
    folder = tmp_path / "other"
    folder.mkdir()
    rows = []
    for i, (name, row) in enumerate(corpus.table.iloc[::3].iterrows()):
        signal, rate = soundfile.read(row["path"])
        soundfile.write(folder / f"{name}.wav", np.tanh(2 * signal), rate)
        emotion = "surprise" if row["emotion"] == "boredom" else row["emotion"]
        rows.append({"path": f"{name}.wav", "emotion": emotion, "speaker": f"n{i % 3}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return load_corpus("folder", data=folder)


def test_scores_are_those_of_the_shared_emotions(recogniser, other):
    evaluation, file = evaluate_model(recogniser, other, progress=False)
    shared = [c for c in other.classes if c != "surprise"]
    assert evaluation.classes == tuple(shared)
    rows = evaluation.rows().set_index("utterance")
    known = other.table[other.table["emotion"] != "surprise"]
    assert set(rows.index) == set(known.index)
    # `predict` on the same files, brought to the shared classes.
    table = recogniser.predict(list(known["path"]))
    p = table[[f"p_{c}" for c in shared]].to_numpy()
    p = p / p.sum(axis=1, keepdims=True)
    found = rows.loc[known.index, [f"p_{c}" for c in shared]].to_numpy()
    assert found == pytest.approx(p, abs=5e-6)
    predicted = [shared[i] for i in p.argmax(axis=1)]
    uar = metrics.uar(known["emotion"].tolist(), predicted)
    assert evaluation.scores()["uar"] == pytest.approx(uar)
    assert np.isfinite(evaluation.scores()["uar_low"])
    # As `predict` gives them, with the emotions that the corpus lacks.
    recognised = rows.loc[known.index, "recognised"].tolist()
    assert recognised == table["emotion"].tolist()
    np.testing.assert_allclose(rows.loc[known.index, "posterior"], table["posterior"], atol=5e-6)
    found = score_all_outputs(evaluation.rows())
    assert found["uar"] == pytest.approx(metrics.uar(known["emotion"].tolist(), recognised))
    assert found["uar_low"] <= found["uar"] <= found["uar_high"]
    assert found["largest_posterior"] == pytest.approx(table["posterior"].mean(), abs=5e-6)
    assert results.read(file).predictions.equals(evaluation.predictions)


def test_scores_to_be_expected_say_whether_their_code_has_changed(recogniser, other):
    evaluation, _ = evaluate_model(recogniser, other, progress=False)
    assert expected_scores(evaluation)["code"] == "current"
    (code,) = evaluation.record["code"]
    changed = {name: "0" * len(digest) for name, digest in code["files"].items()}
    record = evaluation.record | {"code": [code | {"files": changed}]}
    assert expected_scores(Evaluation(evaluation.predictions, record))["code"] == "older"


def test_classes_that_are_no_emotions_are_trained_recognised_and_tested(corpus, other, tmp_path):
    negative = dict.fromkeys(("anger", "fear", "disgust", "sadness", "negative"), "negative")
    positive = {"happiness": "positive", "positive": "positive"}
    system = systems.Svm(**QUICK_SVM)
    trained_on = corpus.relabel(negative | positive)
    recogniser = load(train(system, trained_on, tmp_path / "valence", progress=False))
    assert recogniser.classes == ("boredom", "neutral", "negative", "positive")
    own = other.relabel(negative | positive)
    evaluation, _ = evaluate_model(recogniser, own, progress=False)
    assert evaluation.classes == ("neutral", "negative", "positive")
    assert evaluation.scores()["uar"] > 0.5
    build_report(paths.reports())
    page = (paths.reports() / "folder" / "README.md").read_text()
    assert "neutral, negative, positive (" in page
    recording = own.table["path"].iloc[0]
    recognised = recogniser.predict(recording)["emotion"][0]
    page = result_html(recogniser, soundfile.read(recording)[0], "mine")
    assert f"<strong>{recognised}</strong>" in page


def test_the_report_shows_it_under_its_own_protocol(recogniser, other):
    evaluation, _ = evaluate_model(recogniser, other, progress=False)
    build_report(paths.reports())
    page = (paths.reports() / "folder" / "README.md").read_text()
    assert "trained on synthetic 1" in page
    found = score_all_outputs(evaluation.rows())
    assert f"- `svm`: UAR {found['uar']:.3f} [{found['uar_low']:.3f}, " in page
    assert " -o svm_synthetic && ser evaluate svm_synthetic --corpus folder" in page
    table = pd.read_csv(paths.reports() / "folder" / "results.csv")
    assert table["protocol"].tolist() == ["trained_on"]
    assert table["speaker_disjoint"].tolist() == [True]


def test_it_is_the_same_evaluation_when_it_is_repeated(recogniser, other):
    _, first = evaluate_model(recogniser, other, progress=False)
    before = first.read_bytes()
    _, second = evaluate_model(recogniser, other, progress=False)
    assert (first, before) == (second, second.read_bytes())


def test_a_corpus_it_was_trained_on_is_refused_unless_asked_for(recogniser, corpus):
    with pytest.raises(
        InputError, match="small_svm was trained on synthetic; expected a corpus of other"
    ):
        evaluate_model(recogniser, corpus, progress=False)
    evaluation, _ = evaluate_model(recogniser, corpus, seen=True, progress=False)
    assert evaluation.record["speaker_disjoint"] is False
    assert evaluation.record["protocol_title"].endswith("speaker-dependent")


def test_recordings_it_was_trained_on_are_known_under_any_name(recogniser, corpus, other):
    table = other.table.copy()
    table.loc[table.index[0], "path"] = corpus.table["path"].iloc[0]
    with pytest.raises(InputError, match=r"trained on 1 of the \d+ recordings of folder"):
        evaluate_model(recogniser, dataclasses.replace(other, table=table), progress=False)


@pytest.fixture
def of_own(other, tmp_path_factory):
    """A model of somebody's own corpus."""
    folder = tmp_path_factory.mktemp("own") / "model"
    return load(train(systems.Svm(**QUICK_SVM), other, folder, progress=False))


def changed(corpus, **columns):
    """Other recordings: quieter copies of those of a corpus, with other columns."""
    folder = corpus.recordings.folder.with_name(f"changed-{len(str(columns))}")
    folder.mkdir()
    table = pd.read_csv(corpus.recordings.folder / "manifest.csv").assign(**columns)
    for name in table["path"]:
        signal, rate = soundfile.read(corpus.recordings.folder / name)
        soundfile.write(folder / name, 0.5 * signal, rate)
    table.to_csv(folder / "manifest.csv", index=False)
    return load_corpus("folder", data=folder)


def test_speakers_it_was_trained_on_are_known_by_their_names(of_own, other):
    same = changed(other)
    with pytest.raises(InputError, match="trained on 3 of the 3 speakers of folder; expected a co"):
        evaluate_model(of_own, same, progress=False)
    evaluation, _ = evaluate_model(of_own, same, seen=True, progress=False)
    assert evaluation.record["speaker_disjoint"] is False
    with pytest.raises(InputError, match="may have been trained on speakers of folder: not all"):
        evaluate_model(of_own, changed(other, speaker=None), progress=False)


def test_scores_on_several_corpora_of_ones_own_stand_side_by_side(of_own, other):
    corpora = [changed(other, speaker=name) for name in ("Anna", "Berthold")]
    for corpus in (*corpora, corpora[0]):
        evaluation, _ = evaluate_model(of_own, corpus, progress=False)
        fingerprint = of_own.description["corpus"]["fingerprint"]
        assert evaluation.record["protocol_title"] == f"trained on folder {fingerprint[:8]}"
        add_score(of_own, evaluation)
        of_own = load(of_own.folder)
    titles = {entry["title"] for entry in of_own.description["evaluations"]}
    assert titles == {f"{c.title} ({c.fingerprint[:8]})" for c in corpora}
    assert len(of_own.description["evaluations"]) == 2


def test_the_command_that_made_it_is_recorded(model, corpus, monkeypatch):
    monkeypatch.setenv("SER_COMMAND", "")  # Restored afterwards.
    arguments = ["evaluate", str(model), "--corpus", "synthetic", "--seen"]
    arguments += ["--corpus-option", "speakers", str(len(corpus.speakers))]
    assert cli.main(arguments) == 0
    (path,) = (paths.reports() / "synthetic" / "predictions").glob("*.json")
    assert results.read_record(path)["command"] == shlex.join(["ser", *arguments])


def test_without_speakers_there_is_no_interval_anywhere(model, other, capsys):
    path = other.recordings.folder / "manifest.csv"
    pd.read_csv(path).drop(columns="speaker").to_csv(path, index=False)
    data = str(other.recordings.folder)
    assert cli.main(["evaluate", str(model), "--corpus", "folder", "--data", data, "--card"]) == 0
    said = re.search(
        r"with boredom, as it predicts: UAR 0\.\d{3}; \d+ % of", capsys.readouterr().out
    )
    build_report(paths.reports())
    card, page = model / "README.md", paths.reports() / "folder" / "README.md"
    for text in (said[0], card.read_text(), (model / "model.json").read_text(), page.read_text()):
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_fewer_than_two_shared_emotions_are_refused(recogniser, other):
    with pytest.raises(InputError, match="expected two emotions or more in common"):
        evaluate_model(recogniser, other.select(emotion=["anger", "surprise"]), progress=False)


def test_the_command_adds_the_score_to_the_card(model, other, capsys):
    data = str(other.recordings.folder)
    command = ["evaluate", str(model), "--corpus", "folder", "--data", data, "--card"]
    digests = set()
    for _ in range(2):
        assert cli.main(command) == 0
        out = capsys.readouterr().out
        assert out.startswith("UAR 0.")
        assert "trained on synthetic 1" in out
        recogniser = load(model)
        digests.add(recogniser.digest)
        (entry,) = recogniser.description["evaluations"]
        assert entry["summary"] in out
        assert f"UAR {entry['uar']:.3f}" in (model / "README.md").read_text()
        found = re.search(r"with boredom, as it predicts: (UAR 0\.\d{3} \[.*\]; .*)\n", out)
        assert found[1] in (model / "README.md").read_text().replace("\\", "")
    # What it gives has not changed.
    assert len(digests) == 1

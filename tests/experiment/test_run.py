"""Folds are trained as promised, stored, resumed, and never taken for something else."""

import dataclasses
import functools
import getpass
import json
import platform
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from tiny import NearestMean, Tiny, interrupt_after, make_corpus, trained

from ser_lib import code_digest, console, evaluate, identity, load_corpus, paths, protocols
from ser_lib.errors import DivergenceError, InputError, InputWarning
from ser_lib.experiment import results
from ser_lib.experiment.fold import FoldData, posteriors, run_fold
from ser_lib.experiment.plan import prepare
from ser_lib.experiment.provenance import specify
from ser_lib.features import FrontEnd, Functionals, LogMel, RaggedArray, extract
from ser_lib.signal import WhiteNoise


def test_every_utterance_is_predicted_by_a_system_that_was_not_trained_on_its_speaker(
    corpus, system
):
    evaluation = evaluate(system, corpus)
    rows = evaluation.rows()
    assert sorted(rows["utterance"]) == list(corpus.table.index)
    assert (rows["fold"] == rows["speaker"]).all()
    assert rows["emotion"].tolist() == corpus.table.loc[rows["utterance"], "emotion"].tolist()
    folds = protocols.make(corpus.protocol).folds(corpus.table)
    for call, fold in zip(NearestMean.trained_on, folds, strict=True):
        assert set(call["groups"]) == set(corpus.table["speaker"].iloc[fold.train])
        assert call["y"].tolist() == corpus.table["emotion"].iloc[fold.train].tolist()
        assert call["validation"][1].tolist() == (
            corpus.table["emotion"].iloc[fold.development].tolist()
        )
        np.testing.assert_array_equal(
            call["validation"][0][0],
            system.front_end.extract(corpus).take(fold.development)[0],
        )
    assert evaluation.scores()["uar"] > 0.9


def test_development_rows_are_predicted_too_and_marked(corpus, system):
    dev = evaluate(system, corpus).rows("dev")
    assert len(dev) == len(corpus.table)
    assert (dev["fold"] != dev["speaker"]).all()


def test_without_development_its_rows_join_the_training(corpus):
    evaluation = evaluate(Tiny(needs_development=False), corpus)
    assert set(evaluation.predictions["part"]) == {"test"}
    assert all(call["validation"] is None for call in NearestMean.trained_on)
    assert all(len(set(call["groups"])) == 3 for call in NearestMean.trained_on)


class Fixed:
    """Predicts the same posteriors for everything."""

    def __init__(self, classes, p):
        self.classes_, self.p = np.array(classes), np.array(p)

    def predict_proba(self, X):
        return np.tile(self.p, (len(X), 1))


FEATURES = RaggedArray.from_list([np.zeros((1, 2))] * 2)


def test_development_rows_that_may_not_train_choose_nothing_either(corpus):
    table = corpus.table.assign(session=corpus.table["speaker"].map(lambda s: int(s[1]) // 2))
    system = Tiny(needs_development=False)
    fold = protocols.make("leave_one_speaker_out").folds(table.astype({"session": str}))[0]
    data = FoldData(table, corpus.classes, extract(corpus, [system.front_end], progress=False)[0])
    NearestMean.trained_on.clear()
    _, result = run_fold(system, data, fold, 0)
    (seen,) = NearestMean.trained_on
    assert set(seen["groups"]) == {"s2", "s3"}
    assert seen["validation"] is None
    by_part = result.predictions.groupby("part")["speaker"].unique()
    assert by_part["test"].tolist() == ["s0"]
    assert by_part["dev"].tolist() == ["s1"]


def test_posteriors_are_summed_over_prefixes_and_absent_classes_get_zero(corpus):
    # A classifier of six labels, three emotions: what is written is the sum over the sexes.
    plain = evaluate(Tiny(prefix="sex"), corpus)
    assert set(NearestMean.trained_on[0]["y"]) == {
        f"{sex}/{emotion}" for sex in ("female", "male") for emotion in corpus.classes
    }
    p = plain.predictions[[f"p_{c}" for c in corpus.classes]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=3e-6)
    partial = Fixed(["female/anger", "male/anger", "male/fear"], [0.2, 0.3, 0.5])
    p = posteriors(partial, FEATURES, ("anger", "disgust", "fear"))
    np.testing.assert_array_equal(p, [[0.5, 0, 0.5]] * 2)


@pytest.mark.parametrize("p", [[np.nan, 1.0], [0.0, 0.0], [-0.5, 1.5]])
def test_posteriors_that_are_none_are_refused(p):
    with pytest.raises(DivergenceError, match="posteriors are not numbers between 0 and 1"):
        posteriors(Fixed(["anger", "fear"], p), FEATURES, ("anger", "fear"))


def test_a_second_call_trains_nothing_and_changes_no_file(corpus, system, predictions_folder):
    first = evaluate(system, corpus)
    assert trained() == 4
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in predictions_folder.iterdir()}
    second = evaluate(system, corpus)
    assert trained() == 0
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    assert before == {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in predictions_folder.iterdir()
    }


def test_the_command_of_a_row_is_the_first_of_the_same_code(corpus, system, monkeypatch):
    first, second = "ser evaluate tiny", "ser run 01_tiny"
    for command in (first, second, ""):
        monkeypatch.setenv("SER_COMMAND", command)
        assert evaluate(system, corpus).record["command"] == first
    now = code_digest.code
    monkeypatch.setattr(code_digest, "code", lambda *a: now(*a)._replace(digest="0" * 64))
    monkeypatch.setenv("SER_COMMAND", second)
    assert evaluate(system, corpus, fresh=True).record["command"] == second


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, system, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(2, patch)
        evaluate(system, corpus)
    assert trained() == 2
    assert not (paths.reports() / "folder").exists()
    evaluate(system, corpus)
    assert trained() == 2


@pytest.fixture
def half_done(corpus, system):
    evaluate(system, corpus, folds=2)
    trained()
    return system, corpus


def test_folds_are_shared_by_all_that_need_them(half_done):
    evaluation = evaluate(*half_done)
    assert trained() == 2
    assert not evaluation.record["partial"]
    assert evaluate(*half_done, seeds=(1, 0)).record["specification"]["seeds"] == [0, 1]
    assert trained() == 4


def test_a_damaged_fold_is_made_again_and_said_so(half_done, capsys):
    file = sorted((paths.cache() / "evaluations").rglob("*.json"))[0]
    file.write_text(file.read_text().replace("0.1", "0.2"))
    evaluate(*half_done, folds=2)
    assert trained() == 1
    assert "damaged" in capsys.readouterr().err


def test_fresh_trains_again(half_done, monkeypatch):
    evaluate(*half_done, folds=2, fresh=True)
    assert trained() == 2
    monkeypatch.setenv("SER_FRESH", "1")
    evaluate(*half_done, folds=2)
    assert trained() == 2


def test_older_code_is_used_and_said_so(half_done, capsys, monkeypatch):
    now = code_digest.code
    monkeypatch.setattr(code_digest, "code", lambda *a: now(*a)._replace(digest="0" * 64))
    evaluate(*half_done, folds=2)
    assert trained() == 0
    message = capsys.readouterr().err
    assert "2 of 2 folds were made by older code" in message
    assert "--fresh" in message


NOISE = WhiteNoise(snr=20)
# Changed fields of the system, and arguments of `evaluate`; a function changes the corpus.
CHANGES = {
    "a parameter of the classifier": ({"sharpness": 2.0}, {}),
    "the front end": ({"front_end": FrontEnd(analysis=LogMel(n_mels=9))}, {}),
    "training copies": ({"training_copies": (Tiny().front_end.degraded(NOISE),)}, {}),
    "the targets": ({"prefix": "sex"}, {}),
    "development": ({"needs_development": False}, {}),
    "the labels": ({}, lambda corpus: corpus.relabel({"anger": "fear"})),
    "the selection": ({}, lambda corpus: corpus.select(speaker=["s0", "s1", "s2"])),
    "the protocol": ({}, {"protocol": "random_80_20"}),
    "an option of the protocol": ({}, {"protocol": protocols.make("speaker_folds", k=4)}),
    "the normalisation": ({}, {"normalisation": "speaker"}),
    "the conditions": ({}, {"conditions": {"noisy": NOISE}}),
    "the seed": ({}, {"seeds": [1]}),
    "the folds": ({}, {"folds": ["s1"]}),
}


@pytest.mark.parametrize(("fields", "options"), CHANGES.values(), ids=CHANGES)
def test_a_change_never_meets_an_old_result(corpus, system, fields, options):
    original = evaluate(system, corpus)
    trained()
    if callable(options):
        corpus, options = options(corpus), {}
    changed = evaluate(Tiny(**fields), corpus, **options)
    assert changed.record["digest"] != original.record["digest"]
    if "folds" not in options:
        assert trained() > 0


def test_what_does_not_matter_changes_nothing(corpus, system):
    original = evaluate(system, corpus)
    trained()
    same = Tiny(title="Another title", deviations=())
    again = evaluate(same, corpus, seeds=0, folds=4)
    assert trained() == 0
    assert again.record["digest"] == original.record["digest"]


def test_copies_are_for_training_and_conditions_for_testing(corpus):
    noisy = Tiny().front_end.degraded(WhiteNoise(snr=(10, 20)))
    system = Tiny(training_copies=(noisy,))
    evaluation = evaluate(system, corpus, conditions={"0 dB": [WhiteNoise(snr=-20)]})
    altered = noisy.extract(corpus)
    folds = protocols.make(corpus.protocol).folds(corpus.table)
    for call, fold in zip(NearestMean.trained_on, folds, strict=True):
        (copies,) = call["copies"]
        for copy, original, row in zip(copies, call["X"], fold.train, strict=True):
            np.testing.assert_array_equal(copy, altered[row])
            assert not np.array_equal(copy, original)
    assert evaluation.predictions.groupby("part")["condition"].unique().map(list).to_dict() == {
        "dev": ["clean"],
        "test": ["clean", "0 dB"],
    }
    scores = evaluation.by_condition()
    assert scores.loc["0 dB", "uar"] < scores.loc["clean", "uar"]


def test_speaker_normalisation_uses_each_speakers_own_moments(corpus, system):
    evaluate(system, corpus, normalisation="speaker", folds=1)
    call = NearestMean.trained_on[0]
    for speaker in set(call["groups"]):
        mine = call["X"].take(call["groups"] == speaker)
        frames = np.concatenate(list(mine))
        np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-3)


def test_utterance_normalisation_uses_each_utterances_own_moments(corpus, system):
    evaluate(system, corpus, normalisation="utterance", folds=1)
    np.testing.assert_allclose(NearestMean.trained_on[0]["X"][0].mean(axis=0), 0, atol=1e-4)
    # A front end that has done so already is left alone.
    evaluate(Tiny(normalisation="utterance"), corpus, folds=1)
    assert abs(NearestMean.trained_on[-1]["X"][0].mean()) > 1


BAD = {
    "utterance normalisation of one vector": (
        {"front_end": FrontEnd(analysis=LogMel(n_mels=8), segmentation=Functionals())},
        {"normalisation": "utterance"},
        "one vector per utterance",
    ),
    "train normalisation after the front end's own": (
        {"normalisation": "utterance"},
        {"normalisation": "train"},
        "scales each utterance by its own",
    ),
    "misspelt normalisation": ({}, {"normalisation": "speakers"}, "did you mean 'speaker'"),
    "misspelt protocol": ({}, {"protocol": "leave_one_speaker"}, "mean 'leave_one_speaker_out'"),
    "unknown fold": ({}, {"folds": ["s9"]}, "unknown fold of leave_one_speaker_out 's9'"),
    "too many folds": ({}, {"folds": 9}, "expected 1 to 4"),
    "no folds": ({}, {"folds": []}, "at least one of s0, s1, s2, s3"),
    "twice the same seed": ({}, {"seeds": (1, 1)}, "different integers"),
    "a large seed": ({}, {"seeds": 2**32}, "at most 4294967295"),
    "no seed": ({}, {"seeds": ()}, "one or more"),
    "a condition called clean": ({}, {"conditions": {"clean": ()}}, "expected another name"),
}


def test_the_folder_of_the_user_may_be_written_short(corpus, system, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    evaluate(system, corpus, reports="~/reports")
    assert len(results.records(tmp_path / "home" / "reports" / corpus.name)) == 1


@pytest.mark.parametrize(("parts", "options", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_before_anything_is_written(corpus, parts, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(Tiny(**parts), corpus, **options)
    assert trained() == 0
    assert not paths.reports().exists()


def test_unknown_speakers_have_no_speaker_normalisation(corpus, system, tmp_path):
    nameless = dataclasses.replace(corpus, table=corpus.table.assign(speaker=None))
    with pytest.raises(InputError, match="speaker of 24 utterances is unknown"):
        evaluate(system, nameless, protocol="random_80_20", normalisation="speaker")
    evaluation = evaluate(system, nameless, protocol="random_80_20")
    assert NearestMean.trained_on[-1]["groups"] is None
    assert evaluation.predictions["speaker"].isna().all()
    assert results.read(next((paths.reports() / "folder" / "predictions").glob("*.csv")))


def test_statistics_of_few_recordings_of_a_speaker_are_named(corpus, system, capsys):
    evaluate(system, corpus)
    assert "fewer than" not in capsys.readouterr().err
    evaluate(system, corpus, normalisation="speaker")
    said = "4 of 4 have fewer than 10 recordings: s0 (6), s1 (6), s2 (6), s3 (6)"
    assert said in capsys.readouterr().err


def test_targets_must_stand_for_emotions_of_the_corpus(corpus, monkeypatch):
    monkeypatch.setattr(Tiny, "targets", lambda self, table: np.array(["joy", "fear"] * 12))
    with pytest.raises(InputError, match="targets stand for fear, joy"):
        evaluate(Tiny(), corpus)


def test_the_record_says_what_the_predictions_are_made_of(corpus, system, predictions_folder):
    evaluation = evaluate(system, corpus, seeds=(0, 1))
    record = evaluation.record
    (file,) = predictions_folder.glob("*.json")
    written = json.loads(file.read_text())
    assert written.pop("sha256") == identity.digest(written)
    assert len(written.pop("predictions_sha256")) == 64
    assert written == json.loads(identity.canonical(record))
    assert file.stem == f"tiny-{record['digest'][:8]}"
    assert record["digest"] == identity.digest(record["specification"])
    assert record["specification"]["classifier"] == {
        "class": "NearestMean",
        "sharpness": 1.0,
        "seed": 0,
    }
    assert record["specification"]["corpus"]["fingerprint"] == corpus.fingerprint
    assert [(run["seed"], run["fold"]) for run in record["runs"]] == [
        (seed, f"s{s}") for seed in (0, 1) for s in range(4)
    ]
    run = record["runs"][0]
    assert run["history"] == {"epoch": [1, 2], "loss": [0.123457, 0.1]}
    assert run["chosen"] == {"epoch": 2}
    assert run["n_parameters"] == 24
    assert run["fit_seconds"] >= 0
    assert (record["variant"], record["parameters"]) == ("default", {"sharpness": 1.0})
    (environment,) = record["environments"]
    assert {"python", "ser_lib", "scikit-learn"} <= set(environment["versions"])
    assert environment["versions"]["numpy"] == np.__version__
    assert "keras" not in environment["versions"]
    assert environment["backend"] == "scikit-learn"
    assert {"cpu", "cores", "gpu"} == set(environment["hardware"])


def test_results_rest_on_decoding_normalisation_and_the_fold_whatever_the_system(corpus, system):
    protocol = protocols.make(corpus.protocol)
    files = set(specify(system, corpus, protocol, "train", {}).code.files)
    assert files >= {
        *("signal/decoding.py", "features/normalisation.py", "features/log_mel.py"),
        *("experiment/fold.py", "tiny.Tiny", "tiny.NearestMean"),
    }
    others = ("corpora/", "protocols/", "neural/", "systems/", "experiment/run", "features/cache")
    assert not [name for name in files if name.startswith(others)]


def test_nothing_that_is_written_names_a_folder_a_host_or_a_person(
    corpus, system, predictions_folder, recordings
):
    evaluate(system, corpus)
    for file in predictions_folder.iterdir():
        text = file.read_text()
        for private in (str(recordings), str(paths.cache()), platform.node(), "/home/"):
            assert private not in text
        assert f'"{getpass.getuser()}"' not in text


def test_progress_names_folds_and_scores(corpus, system, capsys, monkeypatch):
    # Where TQDM_DISABLE was set when tqdm was imported, as for notebooks, there are no bars.
    monkeypatch.setattr(console, "Bar", functools.partial(console.Bar, disable=False))
    evaluate(system, corpus)
    shown = capsys.readouterr().err
    assert "tiny on folder" in shown
    assert "fold s0" in shown
    evaluate(system, corpus, fresh=True, progress=False)
    assert capsys.readouterr().err == ""


def test_another_place_and_another_container_are_the_same_recordings(system, tmp_path, corpus):
    evaluate(system, corpus)
    trained()
    evaluate(system, make_corpus(tmp_path / "elsewhere"))
    assert trained() == 0


@dataclasses.dataclass(frozen=True)
class Layer:
    """A network of one layer."""

    units: int = 4

    def build(self, item_shape, n_classes):
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Dense(self.units, activation="relu")(values)
        x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyNetwork(Tiny):
    """A system whose network is one layer."""

    units: int = 4

    def classifier(self, seed=0):
        from ser_lib.neural import NeuralClassifier

        return NeuralClassifier(Layer(self.units), epochs=2, learning_rate=0.1, seed=seed)


@pytest.mark.slow
def test_a_network_brings_its_backend_its_curves_and_its_code(corpus):
    record = evaluate(TinyNetwork(), corpus, folds=1).record
    assert record["specification"]["classifier"]["network"] == {"class": "Layer", "units": 4}
    assert record["specification"]["backend"] == record["backend"] != "scikit-learn"
    assert {"keras", record["backend"]} <= set(record["environments"][0]["versions"])
    (run,) = record["runs"]
    assert run["n_parameters"] == (8 + 1) * 4 + (4 + 1) * 3
    assert len(run["history"]["dev_uar"]) == 2
    assert run["chosen"]["epoch"] in (1, 2)
    (code,) = record["code"]
    own = {f"{__name__}.Layer", f"{__name__}.TinyNetwork", "tiny.Tiny"}
    assert own | {"neural/classifier.py"} <= set(code["files"])
    other = evaluate(TinyNetwork(units=5), corpus, folds=1)
    assert other.record["digest"] != record["digest"]


@pytest.mark.slow
def test_an_interrupted_training_goes_on_in_its_epoch(corpus, monkeypatch):
    from ser_lib.neural import NeuralClassifier, checkpoint

    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    train_epoch, epochs = NeuralClassifier._train_epoch, []

    def counted(self, *arguments):
        epochs.append(self.seed)
        if len(epochs) == 4:
            raise KeyboardInterrupt
        train_epoch(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(NeuralClassifier, "_train_epoch", counted)
        with pytest.raises(KeyboardInterrupt):
            evaluate(TinyNetwork(), corpus, folds=2)
        (state,) = paths.cache().rglob("*.npz")
        assert state.with_suffix(".json") not in paths.cache().rglob("*.json")
        interrupted = evaluate(TinyNetwork(), corpus, folds=2)
    # Two folds of two epochs; twice the one that was interrupted, and the first before it, whose
    # batches decide which graphs there are.
    assert len(epochs) == 4 + 2
    assert not list(paths.cache().rglob("*.npz"))
    whole = evaluate(TinyNetwork(), corpus, folds=2, fresh=True)
    pd.testing.assert_frame_equal(interrupted.predictions, whole.predictions)


def test_a_training_that_was_interrupted_took_the_time_before_it_as_well(corpus, monkeypatch):
    monkeypatch.setattr(NearestMean, "resumed_seconds_", 9999.0, raising=False)
    (run,) = evaluate(Tiny(), corpus, folds=1).record["runs"]
    assert run["fit_seconds"] >= 9999


def test_development_rows_can_be_held_out_of_a_system_that_chooses_nothing(corpus):
    system = Tiny(needs_development=False)
    joined = evaluate(system, corpus, folds=["s1"])
    assert set(joined.predictions["part"]) == {"test"}
    held_out = evaluate(system, corpus, folds=["s1"], hold_out_development=True)
    assert held_out.rows("dev")["speaker"].unique().tolist() == ["s2"]
    assert [set(fit["groups"]) for fit in NearestMean.trained_on] == [
        {"s0", "s2", "s3"},
        {"s0", "s3"},
    ]
    assert held_out.record["specification"]["development"] == "held out"
    assert held_out.record["digest"] != joined.record["digest"]
    # A system that chooses by them holds them out in any case.
    one, other = (
        evaluate(Tiny(), corpus, folds=["s1"], hold_out_development=held) for held in (False, True)
    )
    assert one.record["digest"] == other.record["digest"]


def test_a_network_on_long_recordings_says_what_they_cost(tmp_path, capsys):
    from ser_lib.systems import CrnnAttention, Svm

    rows = []
    for name, length in (("a", 1), ("b", 1), ("c", 61)):
        for emotion in ("anger", "sadness"):
            rng = np.random.default_rng(len(rows))
            path = tmp_path / f"{name}_{emotion}.wav"
            soundfile.write(path, rng.normal(0, 0.1, 16000 * length), 16000)
            rows.append({"path": path.name, "emotion": emotion, "speaker": name})
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    corpus = load_corpus("folder", data=tmp_path)
    prepare(CrnnAttention(trim=False), corpus).data(progress=False)
    said = capsys.readouterr().err
    assert "2 of 6 recordings are longer than 60 s, the longest, c_anger, 61 s" in said
    prepare(Svm(trim=False), corpus).data(progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("takes", [1, 2])
def test_where_no_feature_is_left_the_fold_and_what_it_needs_are_named(tmp_path, takes):
    """Under a speaker's own statistics nothing is left of recordings of one emotion."""
    from ser_lib.systems import Svm

    rng = np.random.default_rng(0)
    rows = []
    for i, speaker in enumerate("abcdefgh"):
        for take in range(takes):
            path = tmp_path / f"{speaker}{take}.wav"
            tone = np.sin(np.arange(8000) * (0.1 + 0.2 * (i % 2))) / 4
            soundfile.write(path, tone + rng.normal(0, 0.01, 8000), 16000)
            emotion = ("anger", "sadness")[i % 2]
            rows.append({"path": path.name, "emotion": emotion, "speaker": speaker})
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    corpus = load_corpus("folder", data=tmp_path)
    with pytest.raises(InputError, match=r"svm, fold 'a': no feature .* several emotions for each"):
        evaluate(Svm(), corpus, normalisation="speaker", folds=["a"], jobs=1, progress=False)


def test_tested_recordings_that_trained_are_said_before_anything_is_computed(tmp_path):
    corpus = make_corpus(tmp_path / "recordings")
    first, *_, last = corpus.table["path"]
    shutil.copy(first, last)
    with pytest.warns(InputWarning) as said:
        prepare(Tiny(), corpus)
    assert "1 of" in str(said[0].message)
    assert any("are in training or development as well" in str(w.message) for w in said)

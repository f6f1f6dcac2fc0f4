"""Sentences under figures are true of what they are given."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ser_lib import paths, plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, compare
from ser_lib.plots import Example, Spectrogram
from ser_lib.reporting import sentences
from ser_lib.systems.base import AttentionGrid, Published

CLASSES = ("anger", "fear", "neutral")


def predictions(answers, seeds=(0,)):
    """Rows of (speaker, true, predicted)."""
    rows = [
        {
            "utterance": f"u{i}",
            "speaker": speaker,
            "fold": f"fold {speaker}",
            "seed": seed,
            "part": "test",
            "condition": "clean",
            "emotion": true,
            "predicted": predicted,
            **{f"p_{name}": 0.8 if name == predicted else 0.1 for name in CLASSES},
        }
        for seed in seeds
        for i, (speaker, true, predicted) in enumerate(answers)
    ]
    return pd.DataFrame(rows)


def evaluation(answers, **record):
    return Evaluation(predictions(answers), record)


RIGHT = [(s, e, e) for s in ("s1", "s2", "s3") for e in CLASSES]
# Of speaker s1 fear is taken for anger; of all speakers, neutral is.
MIXED = [
    (s, e, "anger" if e == "neutral" or (s, e) == ("s1", "fear") else e)
    for s in ("s1", "s2", "s3")
    for e in CLASSES
]


# Scores


def test_a_score_is_compared_with_chance():
    many = [(f"s{i}", e, e) for i in range(20) for e in CLASSES]
    text = sentences.score(evaluation(many))
    assert re.match(r"\*\*UAR 1\.000 \[0\.\d+, 1\.000\]\*\*: 3 classes, 60 utterances", text)
    assert "Chance is 0.333; the whole interval over 20 speakers lies above it." in text
    assert "So few" not in text
    assert re.match(r".*\]\*\* on emodb: 3", sentences.score(evaluation(many, corpus="emodb")))
    wrong = [(s, e, "anger") for s, e, _ in RIGHT]
    text = sentences.score(evaluation(wrong))
    assert text.startswith("**UAR 0.333**: 3 classes")
    assert text.endswith("Chance is 0.333; of 3 speakers who are alike there is no interval.")
    wrong[0] = ("s1", "anger", "fear")
    text = sentences.score(evaluation(wrong))
    assert "which the interval over 3 speakers includes. So few speakers" in text
    assert sentences.score(evaluation(RIGHT[:3])).endswith(
        "with 1 test speaker there is no interval."
    )


def test_of_several_seeds_the_interval_is_said_to_be_over_them_as_well():
    rows = predictions(MIXED, seeds=(0, 1))
    wrong = (rows["seed"] == 1) & (rows["utterance"] == "u3")
    rows.loc[wrong, ["predicted", "p_anger", "p_fear"]] = ["fear", 0.1, 0.8]
    seeds = Evaluation(rows)
    assert "interval over 3 speakers and 2 seeds" in sentences.score(seeds)
    assert sentences.speakers(seeds).endswith(
        ": the interval comes from the spread between speakers and from that between 2 training "
        "seeds."
    )
    # What draws nothing at random has no spread between seeds.
    assert sentences.speakers(Evaluation(predictions(MIXED, seeds=(0, 1)))).endswith(
        ": the spread between speakers is what the interval comes from; all 2 seeds have the same "
        "UAR."
    )
    assert "seed" not in sentences.score(evaluation(MIXED)).split("Chance")[1]
    assert sentences.speakers(evaluation(MIXED)).endswith(
        ": the spread between speakers is what the interval comes from."
    )


def test_confusions_name_the_best_the_least_and_the_largest():
    assert sentences.confusions(evaluation(MIXED)) == (
        "Best recognised: *anger* (100 %); least: *neutral* (0 %). Largest confusion: 100 % of "
        "*neutral* is taken for *anger*."
    )
    assert sentences.confusions(evaluation(RIGHT)) == (
        "Recall is 100 % for every emotion. Nothing is confused."
    )


def test_an_emotion_that_was_not_tested_is_not_the_least_recognised():
    text = sentences.confusions(evaluation([row for row in MIXED if row[1] != "neutral"]))
    assert "neutral" not in text
    assert "least: *fear* (67 %)" in text


def test_speakers_are_named_with_their_scores():
    text = sentences.speakers(evaluation(MIXED))
    assert text.startswith("From speaker s1 (0.333) to speaker s2 (0.667)")
    assert "outside" not in text
    alike = sentences.speakers(evaluation(MIXED[3:]))
    assert alike.startswith("All 2 test speakers have the same UAR, 0.667: ")
    assert "Only s1 was tested" in sentences.speakers(evaluation(MIXED[:3]))


def test_a_pooled_score_outside_those_of_the_speakers_is_explained():
    # Each speaker has two of three classes, and pooled, UAR is (1 + 0 + 1 / 4) / 3.
    answers = [(speaker, "anger", "anger") for speaker in ("s1", "s2", "s3")]
    answers += [("s1", "fear", "anger"), ("s2", "neutral", "anger"), ("s3", "neutral", "neutral")]
    answers += [("s3", "neutral", "anger")] * 2
    assert sentences.speakers(evaluation(answers)) == (
        "From speaker s1 (0.500) to speaker s3 (0.667): the spread between speakers is what the "
        "interval comes from. The pooled UAR lies outside this range because the UAR of a speaker "
        "is over the classes of this speaker only."
    )


def test_a_difference_is_said_to_be_sure_or_not():
    same = compare(predictions(MIXED), predictions(MIXED))
    assert sentences.difference(same).endswith("the interval includes zero.")
    sure = SimpleNamespace(difference=0.1, low=0.05, high=0.15, p=0.002, speakers=10)
    assert sentences.difference(sure) == (
        "Difference in UAR: **+0.100 [+0.050, +0.150]**, p = 0.002, over 10 speakers; the interval "
        "excludes zero."
    )


def test_the_highest_and_the_lowest_of_a_ranking_are_named_wherever_they_stand():
    table = pd.DataFrame(
        [
            ("a", "train", 0.7, 0.6, 0.8),
            ("b_b", "train", 0.5, 0.4, 0.6),
            ("one seed", "train", 0.6, 0.5, 0.7),
            ("a", "speaker", 0.9, 0.8, 1),
        ],
        columns=["system", "normalisation", "uar", "uar_low", "uar_high"],
    )
    assert sentences.ranking(table) == (
        "Under normalisation *train* of 3 systems *a* 0.700 [0.600, 0.800] has the highest UAR, "
        "*b_b* 0.500 [0.400, 0.600] the lowest. Under normalisation *speaker* only *a* 0.900 "
        "[0.800, 1.000]."
    )
    # What learns nothing is always the last.
    baseline = ("majority", "train", 0.25, 0.25, 0.25)
    ranked = pd.DataFrame([*table.to_numpy()[:2], baseline], columns=table.columns)
    assert sentences.ranking(ranked) == (
        "Under normalisation *train* of 2 systems *a* 0.700 [0.600, 0.800] has the highest UAR, "
        "*b_b* 0.500 [0.400, 0.600] the lowest; the baseline is *majority* 0.250 [0.250, 0.250]."
    )
    assert sentences.ranking(ranked[2:]) == (
        "Under normalisation *train* only *majority* 0.250 [0.250, 0.250]."
    )


def test_recalls_of_several_systems_by_hand():
    def rows(predicted):
        emotions = ["anger", "anger", "fear", "fear"]
        columns = {"emotion": emotions, "predicted": predicted, "speaker": "s"}
        return pd.DataFrame(columns | {"p_anger": 0.5, "p_fear": 0.5})

    one = {"one": rows(["anger", "anger", "fear", "anger"])}
    best = "Over all systems *anger* is recognised best (100 %) and *fear* least (50 %)."
    assert sentences.recalls(plots.recall_table(one)) == best
    two = one | {"two": rows(["anger", "anger", "anger", "anger"])}
    assert sentences.recalls(plots.recall_table(two)) == (
        "Over all systems *anger* is recognised best (100 %) and *fear* least (25 %). They differ "
        "most in *fear*: 0 % to 50 %."
    )
    # What learns nothing recognises all of one emotion, and none of the others.
    majority = {"majority": rows(["fear", "fear", "fear", "fear"])}
    assert sentences.recalls(plots.recall_table(two | majority)) == (
        "Over all systems but the baseline *majority*, *anger* is recognised best (100 %) and "
        "*fear* least (25 %). They differ most in *fear*: 0 % to 50 %."
    )
    assert sentences.recalls(plots.recall_table(majority)) == (
        "Only the baseline *majority* is here, which learns nothing."
    )


def score(disjoint=True, classes=3, value=0.8, metric="wa"):
    return Published(
        metric=metric,
        value=value,
        corpus="emodb",
        classes=classes,
        protocol="",
        source="",
        speaker_disjoint=disjoint,
    )


OTHERS = [score(classes=4), score(False), score(None)]
ALIKE = "of as many classes and such speakers"
APART = (
    "WA 0.800 (of 4 classes), WA 0.800 (of test speakers that are in the training, too), WA 0.800 "
    "(of test speakers who may be in the training, too)"
)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            [score()],
            f"the published score on this corpus is {ALIKE}: WA 0.800 (within our interval).",
        ),
        (
            [score(), score(value=0.93)],
            f"both published scores on this corpus are {ALIKE}: WA 0.800 (within our interval), "
            "WA 0.930 (above our interval).",
        ),
        (
            [score(value=0.05), score(), score(metric="uar")],
            f"all 3 published scores on this corpus are {ALIKE}: WA 0.050 (below our interval), "
            "WA 0.800 (within our interval), UAR 0.800 (within our interval).",
        ),
        (
            [score(), OTHERS[0]],
            f"1 of the 2 published scores on this corpus is {ALIKE}: WA 0.800 (within our "
            "interval); the other answers another question: WA 0.800 (of 4 classes).",
        ),
        (
            [score(), score(value=0.93), *OTHERS],
            f"2 of the 5 published scores on this corpus are {ALIKE}: WA 0.800 (within our "
            "interval), WA 0.930 (above our interval); the other 3 answer another question: "
            f"{APART}.",
        ),
    ],
)
def test_published_scores_of_the_same_question_are_said_with_where_they_lie(scores, said):
    assert sentences.published(evaluation(MIXED, speaker_disjoint=True), scores) == (
        "Here: UAR 0.556 [0.153, 0.897] and WA 0.556 [0.153, 0.897], for 3 classes and unseen "
        f"speakers; {said}"
    )


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            [score(None, classes=4)],
            "the published score on this corpus answers another question: WA 0.800 (of 4 classes "
            "and test speakers who may be in the training, too).",
        ),
        (
            OTHERS,
            f"all 3 published scores on this corpus answer another question: {APART}.",
        ),
    ],
)
def test_published_scores_of_another_question_are_not_compared(scores, said):
    assert sentences.published(evaluation(MIXED, speaker_disjoint=True), scores) == (
        f"Here: UAR 0.556 [0.153, 0.897], for 3 classes and unseen speakers; {said}"
    )


def test_without_an_interval_published_scores_lie_nowhere():
    own = evaluation(RIGHT[:3], speaker_disjoint=False)
    assert sentences.published(own, [score(False)]) == (
        "Here: UAR 1.000 and WA 1.000, for 3 classes and test speakers that are in the training, "
        "too; the published score on this corpus is of as many classes and such speakers: WA 0.800."
    )


REPORTS = """corpus,subset,classes,system,variant,changes,protocol,speaker_disjoint,normalisation,\
seeds,folds,partial,uar,uar_low,uar_high
emodb,all,7,crnn_attention,default,,loso,True,train,1,2,True,0.9,0.1,0.95
emodb,all,7,crnn_attention,default,,loso,True,train,1,10,False,0.7641,0.7043,0.815
emodb,all,7,crnn_attention,default,units 9 epochs 80,loso,True,train,3,10,False,0.95,0.9,1
emodb,all,7,crnn_attention,default,units 9,loso,True,train,3,10,False,0.7,0.65,0.75
emodb,all,7,crnn_attention,default,,loso,True,speaker,3,10,False,0.99,0.9,1
emodb,all,7,crnn_attention,as_published,,loso,True,train,3,10,False,0.98,0.9,1
emodb,all,7,crnn_attention,default,,loso,False,train,3,10,False,0.97,0.9,1
emodb,all,7,other,default,,loso,True,train,3,10,False,0.96,0.9,1
emodb,all,4,crnn_attention,default,,trained_on,True,train,9,10,False,0.94,0.9,1
emodb,some,4,crnn_attention,default,,loso,True,train,3,10,False,0.93,0.9,1
"""


def test_what_a_system_reaches_on_real_speech_comes_from_the_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_NOTEBOOKS", str(tmp_path / "notebooks"))
    text = sentences.on_real_speech("crnn_attention")
    assert "no result of this system is stored" in text
    assert "`ser run crnn_attention --corpus emodb -p folds None -p epochs None`" in text
    assert "`ser run svm --corpus emodb -p folds None`" in sentences.on_real_speech("svm")
    for corpus in ("emodb", "synthetic"):
        folder = paths.reports() / corpus
        folder.mkdir(parents=True)
        (folder / "results.csv").write_text(REPORTS)
    (paths.reports() / "emodb" / "04_train_crnn_attention.ipynb").touch()
    text = sentences.on_real_speech("crnn_attention")
    assert re.findall(r"UAR (.*?)\*", text) == ["0.700 [0.650, 0.750]"]
    assert "10 folds, 3 seeds, units 9" in text
    assert "chance 0.143" in text
    assert "](../reports/emodb/04_train_crnn_attention.ipynb)" in text
    (paths.reports() / "emodb" / "results.csv").write_text("\n".join(REPORTS.split("\n")[:2]))
    assert "**not all folds**" in sentences.on_real_speech("crnn_attention")
    (paths.reports() / "emodb" / "results.csv").write_text(REPORTS.replace("protocol,", "rules,"))
    with pytest.raises(InputError, match=r"not readable as a table of results.*'protocol'"):
        sentences.on_real_speech("crnn_attention")


# Networks


def test_the_largest_layer_is_named():
    rows = [("Input", "", "9 × 4", 0), ("Dense", "a", "8", 30), ("Dense", "b", "3", 70)]
    table = pd.DataFrame(rows, columns=["layer", "details", "output", "parameters"])
    assert sentences.network(table) == (
        "100 parameters; the largest share, 70 %, is in one layer, *Dense 2 of 2*. From input to "
        "posteriors, 9 × 4 numbers become 3."
    )
    assert "| Dense | b | 3 | 70 |" in sentences.layers(table)


def trained(answers, uar):
    """What is said of trainings that end with a training UAR."""
    history = {"epoch": [1, 2], "loss": [2.0, 1.0], "uar": [0.2, uar]}
    runs = [{"seed": 0, "fold": f"fold {s}", "history": history} for s in ("s1", "s2", "s3")]
    system = SimpleNamespace(needs_development=False)
    return sentences.training(evaluation(answers, runs=runs, n_folds=10), system)


@pytest.mark.parametrize(
    ("uar", "part"),
    [
        (0.99, "part of what was learnt holds for the training recordings only."),
        # A difference within the interval says nothing, however large it is.
        (0.85, "so that it cannot be said which of the two is larger."),
        (0.2, "so that it cannot be said which of the two is larger."),
        (0.1, "the training recordings are recognised less well than those of the test."),
    ],
)
def test_a_training_is_described_by_its_record(uar, part):
    text = trained(MIXED, uar)
    assert text.startswith("3 trainings (3 of 10 folds, 1 seed) of 2 epochs; the development")
    assert "speakers are trained on as well" in text
    assert f"training UAR is {uar:.3f}, that of the test 0.556 [0.153, 0.897]: " in text
    assert text.endswith(part)


def test_without_an_interval_a_training_is_not_compared_with_the_test():
    text = trained(MIXED[:3], 0.99)
    assert "training UAR is 0.990, that of the test 0.333: " in text
    assert text.endswith("without an interval it cannot be said which of the two is larger.")


def test_attention_is_described_without_padding():
    weights = np.array([0.1, 0.6, 0.2, 0.1, np.nan])
    example = Example(levels=np.zeros((10, 4)), weights=weights, hop=0.01, title="u1")
    assert sentences.attention([example], AttentionGrid(0.1, 0.05)) == (
        "In *u1*, half of the attention lies on 1 of 4 steps, and it is highest at 0.20 s (2.4 "
        "times uniform)."
    )
    cells = Example(levels=np.zeros((10, 4)), weights=np.full((2, 5), 0.1), hop=0.01, title="u2")
    assert "5 of 10 cells" in sentences.attention([cells], AttentionGrid(0.1, 0.0, 2))


def test_segments_in_which_the_true_emotion_is_the_most_probable_are_counted():
    anger, fear = np.array([[0.6, 0.3, 0.1]]), np.array([[0.2, 0.5, 0.3], [0.5, 0.4, 0.1]])
    said = sentences.right_segments([anger, fear], CLASSES, ["anger", "fear"])
    assert said == "In 2 of 3 segments the true emotion is the most probable."
    # One that the network does not know is in none.
    said = sentences.right_segments([anger], CLASSES, ["calm"])
    assert said == "In 0 of 1 segment the true emotion is the most probable."


def test_segments_are_said_to_agree_or_not():
    sure, other = [0.8, 0.1, 0.1], [0.2, 0.7, 0.1]
    row = {"emotion": "fear", "predicted": "anger"}
    assert sentences.segments(np.array([sure]), CLASSES, row) == (
        "The only segment says *anger* (0.80); the utterance is *fear*, and *anger* was predicted."
    )
    assert sentences.segments(np.array([sure, sure]), CLASSES) == "All 2 segments say *anger*."
    text = sentences.segments(np.array([sure, other]), CLASSES, {**row, "predicted": "fear"})
    assert "*anger* and *fear* are most probable" in text
    assert text.endswith("*fear*, as predicted.")


# Inputs


def test_a_spectrogram_is_loudest_where_it_is():
    values = np.full((50, 4, 1), -80.0)
    values[20:, :, 0] = -60
    values[30, 2, 0] = 0
    shown = Spectrogram(values, 0.01, np.array([100.0, 500.0, 1000.0, 2000.0]))
    assert sentences.spectrogram(shown) == (
        "0.50 s, 50 frames of 4 bands; the level is highest at 0.30 s, in the band around 1 kHz, "
        "and rises fastest, on average over the bands, at 0.20 s."
    )
    assert "rises" not in sentences.spectrogram(shown._replace(values=values[:1]))


def test_windows_overlap_as_much_as_they_do():
    items = np.zeros((3, 64, 8))
    text = sentences.windows(items, hop=0.02, window_hop=0.64)
    assert text == "3 windows of 1.28 s; each shares 50 % of it with the next."
    assert "holds the whole" in sentences.windows(items[:1], hop=0.02, window_hop=0.64)


def test_the_largest_deviation_of_descriptors_is_found():
    values = np.random.default_rng(0).normal(size=(100, 2))
    values[40, 1] = -20
    text = sentences.descriptors(plots.deviations(values, ["zcr", "energy_entropy"]), hop=0.01)
    assert "*energy entropy* at 0.40 s" in text
    assert text.endswith("below its mean over the recording.")


def test_the_largest_deviation_is_one_that_the_figure_shows():
    values = np.random.default_rng(0).normal(size=(100, 2))
    values[60, 0], values[40, 1] = 10, -20
    names = ["zcr", "delta zcr"]
    text = sentences.descriptors(plots.deviations(values, names), hop=0.01)
    assert text.startswith("The largest deviation: *zcr* at 0.60 s")


# Corpora


@pytest.fixture
def table():
    rows = [("s1", "anger")] * 6 + [("s1", "fear")] * 2 + [("s2", "anger")] * 2
    return pd.DataFrame(rows, columns=["speaker", "emotion"])


def test_sizes_of_a_corpus(table):
    text = sentences.class_sizes(table)
    assert text.startswith("There are 4.0 times as many utterances of *anger* as of *fear*")
    assert "in 80 % of all utterances, with a UAR of only 0.500" in text
    assert sentences.class_sizes(table.iloc[[0, 6]]).startswith("All 2 emotions have 1 utterance:")
    text = sentences.speaker_sizes(table)
    assert text == "2 speakers with 2 to 8 utterances each; speaker s2 lacks *fear*."
    unknown = table.assign(speaker=pd.NA)
    assert sentences.speaker_sizes(unknown) == "The corpus does not know its speakers."


def test_who_lacks_which_emotion_is_said_of_up_to_three_speakers():
    def lacking(n):
        rows = [("s0", e) for e in CLASSES] + [(f"s{i}", "anger") for i in range(1, n + 1)]
        table = pd.DataFrame(rows, columns=["speaker", "emotion"])
        return sentences.speaker_sizes(table).partition("each; ")[2]

    assert lacking(0) == "every speaker has every emotion."
    assert lacking(2) == (
        "speaker s1 lacks *fear* and *neutral*; speaker s2 lacks *fear* and *neutral*."
    )
    assert lacking(4) == "4 of them lack an emotion."


def test_durations_and_voice():
    text = sentences.durations([1.0, 1.0, 3.0], ["anger", "anger", "fear"])
    assert "shorter than 1.0 s" in text
    assert "*fear* are longest (median 3.00 s), those of *anger* shortest (1.00 s)" in text
    hertz = np.array([np.nan, 100.0, 120.0, 200.0])
    text = sentences.waveform(np.zeros(16000), 16000, hertz)
    assert text.startswith("1.00 s at 16 kHz; in 75 % of it a fundamental frequency was found")
    assert "between 100 and 200 Hz (median 120 Hz)" in text
    assert "no voice" in sentences.waveform(np.zeros(16000), 16000, hertz[:1])


def test_what_lies_between_emotions_and_speakers():
    emotions, speakers = ["a", "a", "b", "b"], ["s1", "s2", "s1", "s2"]
    values = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 2.0]])
    text = sentences.separation(values, emotions, ["pitch (Hz)", "energy (dB)"])
    assert "most: *pitch (Hz)* (100 % of" in text
    assert "least: *energy (dB)* (0 %)" in text
    text = sentences.projection(values[:, :1], emotions, speakers)
    assert text == (
        "100 % of the variance lies between emotions and 0 % between speakers: emotions weigh more."
    )
    assert sentences.projection(values[:, :1], emotions).endswith("between emotions.")


def test_sentences_that_are_repeated_are_said_to_explain_variance_that_no_colour_shows():
    spoken = ["t1"] * 10 + ["t2"] * 10
    values = np.repeat([[0.0], [1.0]], 10, axis=0)
    emotions, speakers = ["a", "b"] * 10, ["s1"] * 5 + ["s2"] * 10 + ["s1"] * 5
    said = "0 % of the variance lies between emotions and 0 % between speakers: emotions weigh more"
    assert sentences.projection(values, emotions, speakers, spoken) == (
        f"{said}. No colour shows the sentences that are spoken: 100 % lies between them."
    )
    # Known of none, the same for all, or hardly repeated: there is nothing to say.
    for other in ([None] * 20, ["t1"] * 20, [f"t{i}" for i in range(20)]):
        assert sentences.projection(values, emotions, speakers, other) == f"{said}."


def windows(*emotions):
    """Windows of a recording; None is one without speech."""
    rows = [
        {"emotion": e, "remark": "" if e else "no speech"}
        | {f"p_{name}": np.nan if e is None else 0.8 if name == e else 0.1 for name in CLASSES}
        for e in emotions
    ]
    return pd.DataFrame(rows)


def test_what_is_recognised_is_said_with_what_comes_second():
    table = windows("fear").assign(p_anger=0.15, p_neutral=0.05)
    said = sentences.recognised(table)
    assert said == (
        "The largest posterior is that of **fear** (0.800), the second that of anger (0.150)."
    )
    # Also where pandas has made NaN of None.
    for table in (windows(None), windows("fear", None).iloc[1:]):
        assert sentences.recognised(table) == "Nothing is recognised: no speech."


@pytest.mark.parametrize(
    ("emotions", "said"),
    [
        (["fear"], "1 window; the emotion with the largest posterior changes 0 times, and is"),
        (["fear", "anger", "fear"], "3 windows; the emotion with the largest posterior changes 2"),
        (["fear", None, "fear"], "3 windows, 1 of them without speech; the emotion with the larg"),
        ([None, None], "2 windows, 2 of them without speech."),
    ],
)
def test_windows_are_counted(emotions, said):
    assert sentences.over_time(windows(*emotions)).startswith(said)


def test_the_most_frequent_emotion_is_named_with_its_share():
    said = sentences.over_time(windows("fear", "anger", None, "fear", "neutral"))
    assert said.endswith("most often **fear** (50 % of the windows).")


def test_what_speaks_for_an_emotion_and_against_it_is_named():
    table = pd.DataFrame(
        {"anger": [0.5, 0.25, -1], "fear": [0.5, 0.25, 1]},
        index=["mfcc_1 mean", "mfcc_2 mean", "pitch std"],
    )
    said = sentences.decided(table, "anger")
    assert said.startswith(
        "Most for **anger** speaks *mfcc* (+0.75), most against it *pitch* (−1.00). The sum of all "
        "is −0.25."
    )
    assert "against" not in sentences.decided(table, "fear")
    said = sentences.decided(-table.abs(), "fear")
    assert said.startswith("Nothing speaks for **fear**, most against it *pitch* (−1.00). The")


def test_attention_is_said_to_be_where_it_is_largest():
    steps = pd.DataFrame({"start": [0.0, 0.1, 0.2, 0.3], "weight": [0.1, 0.6, 0.2, 0.1]})
    said = sentences.attended(steps.assign(end=steps["start"] + 0.1))
    assert said.startswith(
        "The attention is largest from 0.10 s to 0.20 s, 2.4 times as large as uniform attention"
    )
    assert said.endswith("half of it lies on 25 % of the steps.")

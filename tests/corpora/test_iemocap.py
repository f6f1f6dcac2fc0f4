"""IEMOCAP: labels from the evaluation files, subsets, on a tree in the official layout."""

import pytest
from tiny_corpora import IEMOCAP, emodb_tree, iemocap_tree

from ser_lib.corpora import iemocap, load_corpus
from ser_lib.errors import InputError, InputWarning


@pytest.fixture
def tree(make_tree):
    return make_tree("iemocap")


def emotions(corpus):
    return corpus.table["emotion"].to_dict()


def test_excitement_is_merged_into_happiness_by_default(tree):
    corpus = tree.load()
    assert corpus.subset == "excitement_merged_4"
    assert emotions(corpus) == {
        "Ses01F_impro01_F000": "neutral",
        "Ses01F_impro01_M001": "happiness",
        "Ses01M_script01_1_F000": "anger",
        "Ses03M_impro05a_M002": "sadness",
        "Ses05M_script01_1b_M003": "happiness",
    }


def test_improvised_dialogues_only(tree):
    assert emotions(tree.load(subset="improvised_4")) == {
        "Ses01F_impro01_F000": "neutral",
        "Ses03M_impro05a_M002": "sadness",
    }


def test_all_on_which_the_annotators_agreed(tree):
    corpus = tree.load(subset="all")
    assert len(corpus.table) == len(IEMOCAP) - 1
    assert "Ses01F_impro01_M000" not in corpus.table.index
    assert emotions(corpus)["Ses05F_impro03_F001"] == "frustration"
    assert emotions(corpus)["Ses05F_impro03_M001"] == "other"
    assert emotions(corpus)["Ses01F_impro01_M001"] == "excitement"


def test_each_label_stands_for_its_emotion(tmp_path, monkeypatch):
    words = {
        "ang": "anger",
        "dis": "disgust",
        "exc": "excitement",
        "fea": "fear",
        "fru": "frustration",
        "hap": "happiness",
        "neu": "neutral",
        "oth": "other",
        "sad": "sadness",
        "sur": "surprise",
    }
    labels = {f"Ses01F_impro01_F00{i}": label for i, label in enumerate(words)}
    iemocap_tree(tmp_path, labels)
    monkeypatch.setattr(iemocap, "UTTERANCES", len(labels))
    found = emotions(load_corpus("iemocap", data=tmp_path, subset="all"))
    assert found == {utterance: words[label] for utterance, label in labels.items()}


def test_a_speaker_is_a_session_and_the_sex_of_who_speaks(tree):
    table = tree.load(subset="all").table
    # The letter after the session says who wears the markers, the one before the turn who speaks.
    assert table.loc["Ses01F_impro01_M001", ["speaker", "sex", "session"]].tolist() == [
        *("1M", "male", "1")
    ]
    assert set(table["speaker"]) == {"1F", "1M", "3M", "5F", "5M"}
    assert set(table["session"]) == {"1", "3", "5"}
    assert table[["sentence", "intensity", "split"]].isna().all(axis=None)


def test_recordings_of_whole_dialogues_and_of_other_corpora_are_no_unexpected_files(tree):
    emodb_tree(tree.data)
    assert tree.load().validate().unexpected_files == ()


def test_a_labelled_recording_that_is_missing_is_named(tree):
    gone = "Ses05M_script01_1b_M003"
    next(path for path in tree.files if path.stem == gone).unlink()
    with pytest.warns(InputWarning, match="7 of 8 utterances found"):
        corpus = tree.load()
    assert corpus.validate().missing == (gone,)


def evaluation(tree):
    return tree.data / "IEMOCAP_full_release/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def test_an_unknown_label_is_named_with_its_file(tree):
    file = evaluation(tree)
    file.write_text(file.read_text().replace("\texc\t", "\texx\t"))
    with pytest.raises(InputError, match=r"Ses01F_impro01_M001 in .*impro01\.txt: 'exx'; did you"):
        tree.load()


def test_two_labels_for_one_utterance_are_refused(tree):
    copy = tree.data / "IEMOCAP_full_release/copy/EmoEvaluation/Ses01F_impro01.txt"
    copy.parent.mkdir(parents=True)
    copy.write_text(evaluation(tree).read_text().replace("\texc\t", "\thap\t"))
    with pytest.raises(InputError, match="expected one label per utterance"):
        tree.load()


def test_labels_are_read_from_the_official_folder_only(tree):
    draft = tree.data / "IEMOCAP_full_release/draft/Ses01F_impro01.txt"
    draft.parent.mkdir()
    draft.write_text(evaluation(tree).read_text().replace("\texc\t", "\thap\t"))
    assert emotions(tree.load(subset="all"))["Ses01F_impro01_M001"] == "excitement"


def test_recordings_without_labels_are_refused(tree):
    for file in tree.data.rglob("EmoEvaluation/*.txt"):
        file.unlink()
    with pytest.raises(InputError, match=r"no labels found below .*EmoEvaluation"):
        tree.load()


def test_an_empty_subset_and_an_unknown_one_are_refused(tmp_path, monkeypatch, tree):
    with pytest.raises(InputError, match="'improvised_5'; did you mean 'improvised_4'"):
        tree.load(subset="improvised_5")
    with pytest.raises(InputError, match="unknown subset of iemocap"):
        tree.load(subset=["all"])
    monkeypatch.setattr(iemocap, "UTTERANCES", 1)
    iemocap_tree(tmp_path / "few", {"Ses01F_impro01_F000": "fru"})
    with pytest.raises(InputError, match="none of the 1 labelled recordings"):
        load_corpus("iemocap", data=tmp_path / "few")


def test_ratings_of_valence_arousal_and_dominance_are_further_columns(tree):
    file = evaluation(tree)
    file.write_text(file.read_text().replace("[2.5000, 2.5000, 2.5000]", "[2.0000, 3.5000, 4.0]"))
    table = tree.load(subset="all").table
    ratings = table[["valence", "arousal", "dominance"]]
    assert ratings.loc["Ses01F_impro01_F000"].tolist() == [2.0, 3.5, 4.0]
    assert ratings.loc["Ses03M_impro05a_M002"].tolist() == [2.5, 2.5, 2.5]

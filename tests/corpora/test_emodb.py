"""EmoDB: file names, and the facts of the published corpus."""

import pytest
from corpus_tables import EMODB, EMOTIONS
from tiny_corpora import emotions_of

from ser_lib.corpora import discovery, emodb, load_corpus
from ser_lib.errors import InputError, InputWarning


@pytest.fixture(scope="module")
def corpus(real_data):
    if not discovery.named(real_data, "emodb"):
        pytest.skip(f"no folder emodb in {real_data}")
    return load_corpus("emodb", data=real_data)


def test_the_fields_of_a_file_name(make_tree):
    row = make_tree("emodb").load().table.loc["08a02Tb"]
    assert row[["speaker", "sex", "emotion", "sentence"]].tolist() == [
        *("08", "female", "sadness", "a02")
    ]
    assert row["language"] == "de"
    assert row[["session", "intensity", "split"]].isna().all()


def test_each_letter_stands_for_its_german_word(tmp_path):
    # Of published recordings; others would be left out.
    emotions = {
        "03a01Wa": "anger",
        "03a04Lc": "boredom",
        "09a01Ea": "disgust",
        "03a04Ad": "fear",
        "03a01Fa": "happiness",
        "03a02Ta": "sadness",
        "03a01Nc": "neutral",
    }
    with pytest.warns(InputWarning, match="7 of 535 utterances found"):
        assert emotions_of(tmp_path, "emodb", emotions) == emotions


def test_the_index_holds_the_published_files():
    index = discovery.read_index("emodb")
    assert len(index) == 535
    assert index.index.is_unique
    assert (index["sha256"].str.fullmatch("[0-9a-f]{64}")).all()
    assert set(index["rate"]) == {16_000}
    assert set(index["channels"]) == {1}
    seconds = index["samples"] / 16_000
    rounded = [round(float(value), 3) for value in (seconds.min(), seconds.mean(), seconds.max())]
    assert rounded == [1.226, 2.780, 8.978]
    assert round(seconds.median(), 3) == 2.590
    assert [int((seconds < limit).sum()) for limit in (2, 2.889, 3.07, 4)] == [126, 328, 361, 486]


def test_speakers_and_classes_of_the_published_corpus(corpus):
    counts = corpus.table.groupby(["speaker", "sex", "emotion"]).size().unstack(fill_value=0)
    assert list(counts.index) == list(EMODB)
    for speaker, expected in EMODB.items():
        assert tuple(counts.loc[speaker, list(EMOTIONS)]) == expected
    assert counts.sum()[list(EMOTIONS)].tolist() == [127, 81, 46, 69, 71, 62, 79]


def test_all_speakers_say_the_same_ten_sentences(corpus):
    assert set(corpus.table["sentence"]) == set(emodb.SENTENCES)
    assert (corpus.table.groupby("speaker")["sentence"].nunique() == 10).all()


def test_the_recordings_are_those_that_were_published(corpus):
    validation = corpus.validate()
    assert validation.ok, str(validation)
    assert validation.checked == 535


def write_judgements(tree, *lines):
    text = "\r\n".join(["Nr.\tSatz\terkannt\tnatuerlich", *lines])
    (tree.data / "emodb" / "erkennung.txt").write_text(text, encoding="latin-1")


def test_what_listeners_recognised_is_a_column_that_the_fingerprint_does_not_see(make_tree):
    tree = make_tree("emodb")
    before = tree.load()
    assert "recognised" not in before.table
    assert before.listeners is None
    names = list(before.table.index)
    judged = (f"{i}\xa0\t{name}.wav\t{90 - i},50\xa0\t70,00" for i, name in enumerate(names))
    write_judgements(tree, *judged, "99\t03a01Ab.wav\t65,00\t35,00", "")
    after = tree.load()
    assert after.table["recognised"].tolist() == [(90.5 - i) / 100 for i in range(len(names))]
    assert after.fingerprint == before.fingerprint
    means = after.table.groupby("emotion")["recognised"].mean()
    assert after.listeners == means[list(after.classes)].to_dict()
    # Listeners chose among all emotions.
    assert after.select(emotion=after.classes[0]).listeners is None


def test_a_damaged_file_of_judgements_is_named_with_its_line(make_tree):
    tree = make_tree("emodb")
    write_judgements(tree, "1\t03a01Fa.wav\tninety\t35,00")
    with pytest.raises(InputError, match=r"erkennung.txt: line 2 is .*ninety.*expected a number"):
        tree.load()


def test_listeners_recognised_what_the_publisher_says(corpus):
    if "recognised" not in corpus.table:
        pytest.skip("no erkennung.txt beside the recordings")
    assert corpus.table["recognised"].mean() == pytest.approx(0.935, abs=5e-4)
    recalls = corpus.listeners.values()
    assert sum(recalls) / len(recalls) == pytest.approx(0.930, abs=5e-4)

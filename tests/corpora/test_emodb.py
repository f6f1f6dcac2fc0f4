"""EmoDB: file names, and the facts of the published corpus."""

import pytest

from ser_lib.corpora import discovery, emodb, load_corpus

CLASSES = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
# Speaker: sex, and the number of recordings of each class, in the order of CLASSES.
SPEAKERS = {
    "03": ("male", 14, 5, 1, 4, 7, 7, 11),
    "08": ("female", 12, 10, 0, 6, 11, 9, 10),
    "09": ("female", 13, 4, 8, 1, 4, 4, 9),
    "10": ("male", 10, 8, 1, 8, 4, 3, 4),
    "11": ("male", 11, 8, 2, 10, 8, 7, 9),
    "12": ("male", 12, 5, 2, 6, 2, 4, 4),
    "13": ("female", 12, 10, 8, 7, 10, 5, 9),
    "14": ("female", 16, 8, 8, 12, 8, 10, 7),
    "15": ("male", 13, 9, 5, 8, 6, 4, 11),
    "16": ("female", 14, 14, 11, 7, 11, 9, 5),
}


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
    counts = corpus.table.groupby(["speaker", "emotion"]).size().unstack(fill_value=0)
    sexes = corpus.table.groupby("speaker")["sex"].unique()
    for speaker, (sex, *expected) in SPEAKERS.items():
        assert list(sexes[speaker]) == [sex]
        assert counts.loc[speaker, list(CLASSES)].tolist() == expected
    assert counts.sum()[list(CLASSES)].tolist() == [127, 81, 46, 69, 71, 62, 79]
    assert corpus.speakers == tuple(SPEAKERS)


def test_all_speakers_say_the_same_ten_sentences(corpus):
    assert set(corpus.table["sentence"]) == set(emodb.SENTENCES)
    assert (corpus.table.groupby("speaker")["sentence"].nunique() == 10).all()


def test_the_recordings_are_those_that_were_published(corpus):
    validation = corpus.validate()
    assert validation.ok, str(validation)
    assert validation.checked == 535

"""RAVDESS: file names, channels, subsets, and the facts of the published corpus."""

import pytest
from tiny_corpora import RAVDESS, emotions_of, write_recording

from ser_lib.corpora import discovery, load_corpus, ravdess
from ser_lib.errors import InputError, InputWarning


@pytest.fixture(scope="module")
def corpus(real_data):
    if not discovery.named(real_data, "ravdess"):
        pytest.skip(f"no folder ravdess in {real_data}")
    return load_corpus("ravdess", data=real_data)


@pytest.fixture
def sung(make_tree):
    """Three songs beside the tiny corpus's speech."""
    tree = make_tree("ravdess")
    for name in ("03-02-01-01-01-01-01", "03-02-02-01-01-01-01", "03-02-06-02-02-02-24"):
        write_recording(tree.data / f"RAVDESS/Actor_{name[-2:]}/{name}.wav")
    return tree


def test_the_fields_of_a_file_name(make_tree):
    row = make_tree("ravdess").load().table.loc["03-01-02-02-02-01-02"].drop("path")
    expected = ["02", "female", "calm", "en", "02", None, "strong", "5"]
    assert row.tolist() == expected


def test_each_number_stands_for_its_emotion(tmp_path):
    emotions = {
        "03-01-01-01-01-01-01": "neutral",
        "03-01-02-01-01-01-01": "calm",
        "03-01-03-01-01-01-01": "happiness",
        "03-01-04-01-01-01-01": "sadness",
        "03-01-05-01-01-01-01": "anger",
        "03-01-06-01-01-01-01": "fear",
        "03-01-07-01-01-01-01": "disgust",
        "03-01-08-01-01-01-01": "surprise",
    }
    with pytest.warns(InputWarning, match="8 of 1440 utterances found"):
        assert emotions_of(tmp_path, "ravdess", emotions) == emotions


def test_songs_are_no_part_of_speech_and_no_unexpected_files(sung):
    corpus = sung.load()
    assert (corpus.subset, len(corpus.table)) == ("all", len(RAVDESS))
    assert corpus.validate().ok


def test_songs_are_an_option(sung):
    with pytest.warns(InputWarning, match="3 of 1012 utterances found"):
        corpus = sung.load(channel="song")
    assert (corpus.subset, len(corpus.table)) == ("song", 3)
    songs = corpus.reference.index
    assert len(set(songs)) == 1012
    assert sum(name.startswith("03-02-01") for name in songs) == 92
    assert not any(name.endswith("-18") for name in songs)
    validation = corpus.validate()
    assert len(validation.missing) == 1009
    assert not validation.altered
    assert not validation.undecodable
    with pytest.warns(InputWarning, match=f"{3 + len(RAVDESS)} of {1012 + len(RAVDESS)}"):
        both = sung.load(channel="both", subset="calm_as_neutral")
    assert both.subset == "speech and song; calm_as_neutral"
    assert len(both.table) == 3 + len(RAVDESS) - 2


def test_calm_is_called_neutral_and_neutral_left_out(make_tree):
    tree = make_tree("ravdess")
    everything, seven = tree.load().table, tree.load(subset="calm_as_neutral")
    assert "calm" not in seven.classes
    assert seven.subset == "calm_as_neutral"
    calm = everything.index[everything["emotion"] == "calm"]
    assert (seven.table.loc[calm, "emotion"] == "neutral").all()
    neutral = everything.index[everything["emotion"] == "neutral"]
    assert not seven.table.index.isin(neutral).any()
    assert seven.validate().ok


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": "songs"}, "unknown channel of ravdess 'songs'; did you mean 'song'"),
        ({"channel": ["song"]}, "unknown channel of ravdess"),
        ({"subset": "calm_is_neutral"}, "'calm_is_neutral'; did you mean 'calm_as_neutral'"),
        ({"channel": "song"}, "no recordings of channel 'song' .* by hand"),
    ],
)
def test_unknown_options_and_absent_channels_are_refused(make_tree, options, message):
    with pytest.raises(InputError, match=message):
        make_tree("ravdess").load(**options)


def test_the_folds_are_a_partition_of_the_actors():
    actors = [actor for fold in ravdess.FOLDS.values() for actor in fold]
    assert sorted(actors) == [f"{number:02}" for number in range(1, 25)]
    assert {len(fold) for fold in ravdess.FOLDS.values()} == {4}


def test_the_index_holds_the_published_files():
    index = discovery.read_index("ravdess")
    assert len(index) == 1440
    assert index.index.is_unique
    assert (index["sha256"].str.fullmatch("[0-9a-f]{64}")).all()
    assert set(index["rate"]) == {48_000}
    assert index["channels"].value_counts().to_dict() == {1: 1435, 2: 5}
    # The two files that are the same to the last sample.
    twins = index.loc[["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"], "samples"]
    assert twins.nunique() == 1
    seconds = index["samples"] / 48_000
    rounded = [round(float(value), 3) for value in (seconds.min(), seconds.mean(), seconds.max())]
    assert rounded == [2.936, 3.701, 5.272]


def test_counts_of_the_published_corpus(corpus):
    counts = corpus.table["emotion"].value_counts().to_dict()
    assert counts.pop("neutral") == 96
    assert len(counts) == 7
    assert set(counts.values()) == {192}
    assert (corpus.table.groupby("speaker").size() == 60).all()
    assert corpus.table.groupby("sex")["speaker"].nunique().to_dict() == {"female": 12, "male": 12}
    assert corpus.table.groupby("split").size().to_dict() == dict.fromkeys("123456", 240)
    assert set(corpus.table.query("emotion == 'neutral'")["intensity"]) == {"normal"}


def test_the_seven_classes_of_the_published_corpus(real_data, corpus):
    seven = load_corpus("ravdess", data=real_data, subset="calm_as_neutral")
    assert seven.table["emotion"].value_counts().to_dict() == dict.fromkeys(
        ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), 192
    )
    assert len(seven.table) == 1344


def test_the_recordings_are_those_that_were_published(corpus):
    validation = corpus.validate()
    assert validation.ok, str(validation)
    assert validation.checked == 1440

import contextlib
import itertools

import numpy as np
import pandas as pd
import pytest
from corpus_tables import table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from ser_lib import protocols
from ser_lib.errors import InputError
from ser_lib.protocols import Fold

DISJOINT = [
    ("leave_one_speaker_out", "emodb"),
    ("leave_one_speaker_out", "ravdess"),
    ("speaker_folds", "emodb"),
    ("speaker_folds", "ravdess"),
    ("leave_one_session_out", "iemocap"),
    ("leave_one_pair_out", "emodb"),
    ("predefined", "ravdess"),
    ("leave_one_speaker_out", "iemocap"),
    ("leave_one_pair_out", "iemocap"),
    ("speaker_folds", "iemocap"),
]


def speakers(table, rows):
    return sorted(table["speaker"].iloc[rows].unique())


def plan(protocol, table, part="test"):
    """Return the speakers of a part by the name of the fold."""
    return {f.name: speakers(table, f.parts()[part]) for f in protocol.folds(table)}


def same(one, other):
    return len(one) == len(other) and all(
        a.name == b.name
        and a.development_trains == b.development_trains
        and all(np.array_equal(a.parts()[p], b.parts()[p]) for p in a.parts())
        for a, b in zip(one, other, strict=True)
    )


# ---- all protocols -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "corpus"), DISJOINT)
def test_no_speaker_is_in_two_parts(name, corpus, request):
    table = request.getfixturevalue(corpus)
    protocol = protocols.make(name)
    assert protocol.speaker_disjoint
    assert "dependent" not in protocol.title
    for fold in protocol.folds(table):
        parts = [set(speakers(table, rows)) for rows in fold.parts().values()]
        assert all(parts)
        assert not any(a & b for a, b in itertools.combinations(parts, 2))
        assert sum(map(len, fold.parts().values())) == len(table)
        assert set(table["emotion"].iloc[fold.train]) == set(table["emotion"])


@pytest.mark.parametrize(("name", "corpus"), DISJOINT)
def test_every_utterance_is_tested_equally_often(name, corpus, request):
    table = request.getfixturevalue(corpus)
    tested = np.concatenate([fold.test for fold in protocols.make(name).folds(table)])
    times = 5 if name == "leave_one_pair_out" else 1
    assert np.bincount(tested, minlength=len(table)).tolist() == [times] * len(table)


@pytest.mark.parametrize(("name", "corpus"), DISJOINT)
def test_folds_depend_on_utterances_not_on_the_order_of_rows(name, corpus, request):
    table = request.getfixturevalue(corpus)
    shuffled = table.sample(frac=1, random_state=0)
    protocol = protocols.make(name)
    for one, other in zip(protocol.folds(table), protocol.folds(shuffled), strict=True):
        assert one.name == other.name
        for part, rows in one.parts().items():
            assert set(table.index[rows]) == set(shuffled.index[other.parts()[part]])


@pytest.mark.parametrize("name", protocols.names())
def test_every_protocol_states_what_it_is(name, emodb):
    options = {}
    if name == "split_file":
        folds = protocols.make("random_80_20").folds(emodb)
        options["path"] = protocols.split_table(folds, emodb)
    protocol = protocols.make(name, **options)
    assert protocol.name == protocol.identity()["name"] == name
    assert protocol.title
    assert protocol.description.endswith(".")
    assert protocol.speaker_disjoint != ("speaker-dependent" in protocol.title)
    assert protocol == protocols.make(name, **options)
    assert hash(protocol) == hash(protocols.make(name, **options))
    assert type(protocol) is getattr(protocols, type(protocol).__name__)
    assert type(protocol).__name__ in repr(protocol)
    with pytest.raises(AttributeError):
        protocol.speaker_disjoint = False


# ---- each one -----------------------------------------------------------------------------------


def test_leave_one_speaker_out_develops_on_the_next_speaker_of_the_opposite_sex(emodb):
    protocol = protocols.make("leave_one_speaker_out")
    assert plan(protocol, emodb) == {s: [s] for s in speakers(emodb, slice(None))}
    assert plan(protocol, emodb, "dev") == {
        **{"03": ["08"], "08": ["10"], "09": ["10"], "10": ["13"], "11": ["13"]},
        **{"12": ["13"], "13": ["15"], "14": ["15"], "15": ["16"], "16": ["03"]},
    }
    fold = protocol.folds(emodb)[0]
    assert [len(rows) for rows in (fold.train, fold.development, fold.test)] == [428, 58, 49]


def test_leave_one_speaker_out_without_sexes_develops_on_the_next_speaker(small):
    protocol = protocols.make("leave_one_speaker_out")
    following = {"a": ["b"], "b": ["c"], "c": ["d"], "d": ["a"]}
    assert plan(protocol, small("abcd"), "dev") == following
    assert plan(protocol, small("abcd", sex="female"), "dev") == following
    half_known = small("abcd")
    half_known.loc[half_known["speaker"] == "c", "sex"] = "male"
    assert plan(protocol, half_known, "dev") == following


def test_leave_one_speaker_out_develops_on_the_partner_of_a_session_who_never_trains(iemocap):
    protocol = protocols.make("leave_one_speaker_out")
    pairs = iemocap.groupby("session")["speaker"].unique()
    partner = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    assert plan(protocol, iemocap, "dev") == {one: [other] for one, other in partner.items()}
    assert not any(fold.development_trains for fold in protocol.folds(iemocap))
    names = iemocap["speaker"].to_numpy()
    for train, test in protocol.split(iemocap, groups=iemocap):
        (tested,) = set(names[test])
        assert not {tested, partner[tested]} & set(names[train])


def test_speaker_folds_are_the_published_ones_where_there_are_any(ravdess):
    protocol = protocols.make("speaker_folds")
    tested = plan(protocol, ravdess)
    assert tested["fold 1"] == ["01", "11", "20", "21"]
    assert tested["fold 6"] == ["06", "13", "17", "22"]
    developed = plan(protocol, ravdess, "dev")
    assert developed["fold 1"] == tested["fold 2"]
    assert developed["fold 6"] == tested["fold 1"]


def test_speaker_folds_are_made_where_none_are_published(emodb):
    folds = protocols.make("speaker_folds").folds(emodb)
    assert [fold.name for fold in folds] == [f"fold {i}" for i in range(1, 6)]
    for fold in folds:
        rows = emodb.iloc[fold.test]
        assert sorted(rows.drop_duplicates("speaker")["sex"]) == ["female", "male"]
        assert 95 <= len(rows) <= 120  # a fifth of 535 is 107


def test_the_number_of_speaker_folds_can_be_chosen(ravdess, emodb):
    folds = protocols.make("speaker_folds", k=12).folds(ravdess)
    assert [f.name for f in folds] == [f"fold {i}" for i in range(1, 13)]
    assert all(len(speakers(ravdess, fold.test)) == 2 for fold in folds)
    assert protocols.make("speaker_folds", k=3).identity() == {"name": "speaker_folds", "k": 3}
    # One man among many women: there is no way to have one in each fold.
    sexes = emodb["speaker"].map(lambda s: "male" if s == "03" else "female")
    assert len(protocols.make("speaker_folds").folds(emodb.assign(sex=sexes))) == 5


def test_no_made_fold_is_empty():
    # With these speakers scikit-learn's StratifiedGroupKFold leaves one of five folds empty.
    counts = {"a": 7, "b": 12, "c": 28, "d": 8, "e": 13}
    table = table_of(
        [
            {"speaker": speaker, "sex": sex, "emotion": ("anger", "fear")[i % 2]}
            for (speaker, n), sex in zip(counts.items(), "fmmmf", strict=True)
            for i in range(n)
        ]
    )
    folds = protocols.make("speaker_folds").folds(table)
    assert sorted(len(fold.test) for fold in folds) == sorted(counts.values())


def test_two_published_folds_get_their_development_speakers_from_training(small):
    table = small("abcdefgh")
    table["split"] = table["speaker"].map(lambda s: "x" if s < "e" else "y")
    folds = protocols.make("speaker_folds").folds(table)
    assert [fold.name for fold in folds] == ["fold x", "fold y"]
    assert speakers(table, folds[0].test) == list("abcd")
    assert len(speakers(table, folds[0].development)) == 1
    assert len(speakers(table, folds[0].train)) == 3


def test_leave_one_session_out_develops_on_the_next_session(iemocap):
    protocol = protocols.make("leave_one_session_out")
    assert plan(protocol, iemocap)["session 1"] == ["Ses01F", "Ses01M"]
    assert plan(protocol, iemocap, "dev")["session 1"] == ["Ses02F", "Ses02M"]
    assert plan(protocol, iemocap, "dev")["session 5"] == ["Ses01F", "Ses01M"]
    assert len(plan(protocol, iemocap, "train")["session 3"]) == 6


def test_sessions_are_in_the_order_of_their_numbers(small):
    table = small([f"s{i:02d}" for i in range(1, 12)])
    table["session"] = table["speaker"].str[1:].astype(int).astype(str)
    assert list(plan(protocols.make("leave_one_session_out"), table)) == [
        f"session {i}" for i in range(1, 12)
    ]


def test_leave_one_pair_out_tests_every_man_with_every_woman(emodb):
    protocol = protocols.make("leave_one_pair_out")
    tested = plan(protocol, emodb)
    men, women = ["03", "10", "11", "12", "15"], ["08", "09", "13", "14", "16"]
    assert set(tested) == {"+".join(sorted(pair)) for pair in itertools.product(men, women)}
    assert tested["03+08"] == ["03", "08"]
    developed = plan(protocol, emodb, "dev")
    assert developed["03+08"] == ["09", "10"]
    assert developed["15+16"] == ["03", "08"]


def test_predefined_takes_the_split_of_the_corpus(small):
    home = dict(zip("abcdef", 3 * ["train"] + 2 * ["test"] + ["dev"], strict=True))
    table = small("abcdef")
    (fold,) = protocols.make("predefined").folds(table.assign(split=table["speaker"].map(home)))
    assert fold.name == "predefined"
    parts = ["".join(speakers(table, rows)) for rows in fold.parts().values()]
    assert parts == ["abc", "f", "de"]


def test_predefined_without_development_takes_speakers_from_training(small):
    table = small("abcdefgh", split="train")
    table.loc[table["speaker"] > "f", "split"] = "test"
    (fold,) = protocols.make("predefined").folds(table)
    assert speakers(table, fold.test) == ["g", "h"]
    assert len(speakers(table, fold.train)) > len(speakers(table, fold.development)) > 0
    assert not set(speakers(table, fold.train)) & set(speakers(table, fold.development))


@pytest.mark.parametrize("only", "abcdef")
def test_development_speakers_do_not_take_the_only_training_rows_of_a_class(small, only):
    table = small("abcdefg", split="train")
    table.loc[table["speaker"] == "g", "split"] = "test"
    table.loc[table.index[table["speaker"] == only][0], "emotion"] = "other"
    (fold,) = protocols.make("predefined").folds(table)
    assert only in speakers(table, fold.train)


def test_predefined_may_mix_speakers_only_where_that_is_asked_for(small):
    table = small("ab", n=20)
    table["split"] = np.where(np.arange(len(table)) % 4, "train", "test")
    with pytest.raises(InputError, match="these are in train or dev and in test: a, b"):
        protocols.make("predefined").folds(table)
    protocol = protocols.make("predefined", speaker_disjoint=False)
    assert protocol.title == "predefined split (speaker-dependent)"
    for unknown in (table, table.assign(speaker=None)):
        (fold,) = protocol.folds(unknown)
        assert [len(rows) for rows in fold.parts().values()] == [54, 6, 20]


# ---- split files --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "corpus"), DISJOINT)
def test_folds_can_be_written_and_read_again(name, corpus, request, tmp_path):
    table = request.getfixturevalue(corpus)
    folds = protocols.make(name).folds(table)
    path = tmp_path / "split.csv"
    protocols.split_table(folds, table).to_csv(path, index=False)
    again = protocols.read_split(path).folds(table)
    by_name = {fold.name: fold for fold in again}
    assert same(folds, [by_name[fold.name] for fold in folds])


def test_names_that_look_like_numbers_or_gaps_stay_what_they_are(small, tmp_path):
    table = small(["01", "NA", "3"])
    table.index = pd.Index([f"{i:03d}" for i in range(len(table))], name="utterance")
    folds = protocols.make("leave_one_speaker_out").folds(table)
    protocols.split_table(folds, table).to_csv(tmp_path / "split.csv", index=False)
    again = protocols.read_split(tmp_path / "split.csv").folds(table)
    assert [fold.name for fold in again] == ["01", "3", "NA"]


def test_a_split_file_is_identified_by_its_content(emodb, tmp_path):
    rows = protocols.split_table(protocols.make("speaker_folds").folds(emodb), emodb)
    rows.sample(frac=1, random_state=0).to_csv(tmp_path / "a.csv", index=False)
    read = protocols.read_split(tmp_path / "a.csv").identity()
    assert read == protocols.make("split_file", path=rows).identity()
    other = rows.replace({"fold": {"fold 1": "first"}})
    assert read != protocols.make("split_file", path=other).identity()


def test_a_split_file_without_development_gets_some(emodb):
    rows = protocols.split_table(protocols.make("leave_one_speaker_out").folds(emodb), emodb)
    rows["part"] = rows["part"].replace("dev", "train")
    fold = protocols.make("split_file", path=rows).folds(emodb)[0]
    assert len(speakers(emodb, fold.train)) == 7
    assert len(speakers(emodb, fold.development)) == 2


SPLIT = "utterance,fold,part\nu0000,1,train\nu0001,1,dev\nu0002,1,test\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "split.csv: there is no such file"),
        ("", "split.csv: there is no column utterance, fold, part; found no columns"),
        ("utterance:fold:part\n", "no column utterance, fold, part; found utterance:fold:part"),
        ("utterance,fold\nu0000,1\n", "no column part; found utterance, fold"),
        ("utterance,fold,part\n", "has no rows"),
        (SPLIT + "u0003,1,\n", "row 5 has no part"),
        (SPLIT + "u0003,1,evaluation\n", "part evaluation; expected train, dev, test"),
        (SPLIT + "u0003,1,validation\n", "part dev and validation, which both mean dev; expected"),
        (SPLIT + "u0003,1\n", "row 5 has 2 cells; expected 3, one for each of utterance, fold"),
        (SPLIT + "u0000,1,test\n", "utterance u0000 is twice in fold 1"),
        (SPLIT + "u9999,1,test\n", "1 utterances not in the corpus: u9999"),
        (SPLIT, "fold '1': 9 utterances of the corpus are missing: u0003, u0004,.*a row for each"),
    ],
)
def test_a_file_that_is_not_a_split_file_is_refused(text, message, small, tmp_path):
    path = tmp_path / "split.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        protocols.read_split(path).folds(small("abc"))


FORMS = {
    "spaces": "utterance, fold, part\nu0000, 1, train\nu0001, 1, dev\nu0002, 1, test\n",
    "semicolons": "utterance;fold;part\r\nu0000;1;train\r\nu0001;1;dev\r\nu0002;1;test\r\n",
    "names and words": "Utt_ID,Fold,Split\nu0000,1,Train\nu0001,1,Val\nu0002,1,TEST\n",
    "commas": "utterance,fold,part,\nu0000,1,train,\nu0001,1,dev,\nu0002,1,test,\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_split_file_is_read_whatever_saved_it(form, tmp_path):
    (tmp_path / "plain.csv").write_text(SPLIT)
    (tmp_path / "other.csv").write_bytes(FORMS[form].encode())
    plain, other = (protocols.read_split(tmp_path / f"{n}.csv") for n in ("plain", "other"))
    assert other.identity() == plain.identity()


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text('utterance,fold,part\n;"0123 \u00b2dev', max_size=80),
        st.lists(
            st.tuples(
                st.sampled_from(("u0000", "u0001", "u9", "")),
                st.sampled_from(("1", "2", "\u00b2", '"')),
                st.sampled_from(("train", "Dev", "TEST", "eval", "")),
            )
        ),
    )
)
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_any_split_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("split") / "split.csv"
    if isinstance(content, list):
        rows = [("utterance", "fold", "part"), *content]
        content = "\n".join(",".join(row) for row in rows)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with contextlib.suppress(InputError):
        assert protocols.read_split(path).identity()["content"]


# ---- speaker-dependent ones -----------------------------------------------------------------


@pytest.mark.parametrize(("name", "test"), [("random_80_20", 107), ("random_90_10", 54)])
def test_random_draws_have_the_sizes_of_the_sources(name, test, emodb):
    protocol = protocols.make(name)
    (fold,) = protocol.folds(emodb)
    assert fold.name == "draw 1"
    assert len(fold.test) == test
    assert len(fold.development) == 54
    assert len(np.unique(np.concatenate(list(fold.parts().values())))) == 535
    assert set(speakers(emodb, fold.test)) & set(speakers(emodb, fold.train))
    _, reference = next(ShuffleSplit(1, test_size=test / 535, random_state=0).split(emodb))
    np.testing.assert_array_equal(fold.test, np.sort(reference))
    assert same(protocol.folds(emodb), protocol.folds(emodb, seed=0))
    assert not same(protocol.folds(emodb), protocol.folds(emodb, seed=1))


def test_the_ten_redraws_are_those_of_the_source(emodb):
    folds = protocols.make("shuffled_80_20").folds(emodb)
    assert [fold.name for fold in folds] == [f"draw {i}" for i in range(1, 11)]
    reference = StratifiedShuffleSplit(n_splits=10, test_size=0.2, random_state=1)
    for fold, (_, test) in zip(folds, reference.split(emodb, emodb["emotion"]), strict=True):
        np.testing.assert_array_equal(fold.test, np.sort(test))
        assert len(fold.development) in (53, 54)
        fractions = emodb["emotion"].iloc[fold.development].value_counts(normalize=True)
        assert fractions["anger"] == pytest.approx(127 / 535, abs=0.02)
    assert len(np.unique(np.concatenate([fold.test for fold in folds]))) < 535


# ---- refusals ---------------------------------------------------------------------------------


def without(column, speaker):
    def change(table):
        table = table.copy()
        table.loc[table["speaker"] == speaker, column] = None
        return table

    return change


def one_fold_each_utterance(table):
    return table.assign(split=[str(i % 3) for i in range(len(table))])


def develop_on_every_third_utterance(table):
    part = np.where(np.arange(len(table)) % 3, "train", "dev")
    return table.assign(split=np.where(table["speaker"] == "16", "test", part))


LOSO, SESSION, PAIR = "leave_one_speaker_out", "leave_one_session_out", "leave_one_pair_out"
REFUSED = [
    (LOSO, "emodb", without("speaker", "03"), "49 of 535 have none, the first is 'u0000'"),
    (LOSO, "emodb", lambda t: t.drop(columns="speaker"), "column 'speaker' in the"),
    (LOSO, "emodb", lambda t: t[t["speaker"] < "09"], "at least 3 speakers; found 2: 03, 08"),
    (LOSO, "emodb", lambda t: t[t["emotion"] == "fear"], "two emotions; found fear"),
    (LOSO, "emodb", without("emotion", "08"), "needs the emotion of every utterance; 58"),
    (LOSO, "emodb", lambda t: t.rename({"u0001": "u0000"}), "twice .* table: u0000"),
    (
        *(LOSO, "emodb", lambda t: t[(t["emotion"] != "fear") | (t["speaker"] == "10")]),
        r"fold '10': there is no training row of fear; .*: fear is of 1 speaker alone \(10\). "
        "Leave such a class out of the table, or add speakers of it$",
    ),
    (
        *(LOSO, "emodb", lambda t: t.assign(sex=["male", "female"] * 267 + ["male"])),
        "two sexes to speakers 03, 08",
    ),
    ("speaker_folds", "emodb", lambda t: t[t["speaker"] < "11"], "at least 5 speakers; found 4"),
    ("speaker_folds", "ravdess", one_fold_each_utterance, "divide .* of speakers 01, 02"),
    (SESSION, "emodb", lambda t: t, "the session of every utterance; 535 of 535"),
    (SESSION, "iemocap", lambda t: t[t["session"] < "3"], "at least 3 sessions; found 2: 1, 2"),
    (
        *(SESSION, "iemocap", lambda t: t.replace({"speaker": {"Ses04F": "Ses01F"}})),
        "fold 'session 1': .* promises unknown speakers, .* in train or dev and in test: Ses01F",
    ),
    (PAIR, "emodb", without("sex", "10"), "the sex of every speaker, .*; unknown of 10"),
    (
        *(PAIR, "emodb", lambda t: t[(t["sex"] == "female") | (t["speaker"] == "03")]),
        r"two speakers of each sex; found 5 female \(08, 09, 13, 14, 16\) and 1 male \(03\)",
    ),
    ("predefined", "emodb", lambda t: t, "the split of every utterance; 535 of 535 have none"),
    (
        "predefined",
        "emodb",
        lambda t: t.assign(split="tset"),
        "holds tset; expected train, dev, test",
    ),
    ("predefined", "emodb", lambda t: t.assign(split="train"), "there are no test rows"),
    ("predefined", "ravdess", one_fold_each_utterance, "promises unknown speakers.*: 01, 02, 03"),
    (
        *("predefined", "emodb", develop_on_every_third_utterance),
        "promises unknown speakers, but these are in train and in dev: 03, 08, 09",
    ),
    ("shuffled_80_20", "emodb", lambda t: t.iloc[:40], "10 utterances .*; fewer of boredom, disg"),
]


def test_a_gap_in_a_column_is_refused_with_what_can_be_done(emodb):
    table = emodb.assign(speaker=None)
    given = "expected a column 'speaker' in the manifest (or a group of that name in the pattern)"
    for name in (LOSO, SESSION, "speaker_folds"):
        table["session"] = ["1", "2", "3"] * 178 + ["3"]
        with pytest.raises(InputError, match="needs the speaker") as error:
            protocols.make(name).folds(table)
        assert given in str(error.value)
    # The protocol that is named does without speakers, and says what it is.
    assert ", such as random_80_20, whose score says nothing about unseen" in str(error.value)
    assert len(protocols.make("random_80_20").folds(table)) == 1
    assert not protocols.get("random_80_20").speaker_disjoint
    with pytest.raises(InputError, match=r"a column 'split' in the manifest .*, or another protoc"):
        protocols.make("predefined").folds(table)


@pytest.mark.parametrize(("name", "corpus", "change", "message"), REFUSED)
def test_a_table_that_cannot_give_what_is_promised_is_refused(
    name, corpus, change, message, request
):
    table = change(request.getfixturevalue(corpus))
    with pytest.raises(InputError, match=message) as error:
        protocols.make(name).folds(table)
    if not name.startswith("shuffled") and "twice" not in message and "two sexes" not in message:
        assert name in str(error.value)


@pytest.mark.parametrize(("one", "other"), [("train", "dev"), ("train", "test"), ("dev", "test")])
def test_an_utterance_in_two_parts_of_a_fold_is_refused(one, other, small, monkeypatch):
    parts = {"train": [0, 1, 2, 3], "dev": [4, 5], "test": [6, 7]}
    parts[one].append(parts[other][0])
    fold = Fold("one", *map(np.array, parts.values()))
    monkeypatch.setattr(protocols.Random8020, "_folds", lambda self, table, seed: [fold])
    message = f"fold 'one': utterances in both {one} and {other}: u000{parts[other][0]}"
    with pytest.raises(InputError, match=message):
        protocols.Random8020().folds(small("ab"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("leave_one_speker_out", {}, "protocol 'leave_one_speker_out'; did you mean 'leave_one_sp"),
        ("speaker_folds", {"K": 3}, "option of the protocol speaker_folds 'K'"),
        ("speaker_folds", {"k": 2}, "k is 2; expected an integer of at least 3"),
        ("speaker_folds", {"k": "5"}, "k is '5'; expected an integer"),
        ("leave_one_speaker_out", {"k": 3}, "unknown option .* Known: none"),
        ("split_file", {}, "the protocol split_file needs the option 'path'"),
    ],
)
def test_misspelt_protocols_and_options(name, options, message):
    with pytest.raises(InputError, match=message):
        protocols.make(name, **options)

"""Sessions are not divided between training and test, and no name decides whether folds exist."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from corpus_tables import table_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ser_lib import protocols
from ser_lib.errors import InputError, InputWarning
from ser_lib.experiment.nested import InnerFolds

LOSO, PAIR = protocols.LeaveOneSpeakerOut(), protocols.LeaveOnePairOut()
MADE = [LOSO, PAIR, protocols.SpeakerFolds(k=3), protocols.LeaveOneSessionOut()]
GIVEN = [protocols.Predefined(), protocols.SpeakerFolds()]
many = settings(derandomize=True, deadline=None, database=None, max_examples=40)


@st.composite
def tables(draw, sessions="123456", emotions=("anger", "fear", "sadness"), most=8):
    """Draw speakers with some of the emotions, of whom some are in some of the sessions."""
    rows = []
    for speaker in "abcdefgh"[: draw(st.integers(3, most))]:
        sex = draw(st.sampled_from(("female", "male", None)))
        of = draw(st.sets(st.sampled_from(emotions), min_size=1))
        for emotion in sorted(of):
            for _ in range(draw(st.integers(1, 3))):
                session = draw(st.sampled_from((None, *sessions)))
                rows.append(
                    {"speaker": speaker, "sex": sex, "emotion": emotion, "session": session}
                )
    table = table_of(rows)
    assume(table["emotion"].nunique() > 1)
    return table


# One session for most speakers, as in dialogues with a few irregular ones.
@st.composite
def dialogues(draw):
    home = {s: draw(st.sampled_from((None, *"1234"))) for s in "abcdefgh"}
    table = draw(tables())
    for i, speaker in enumerate(table["speaker"]):
        if draw(st.integers(0, 19)):
            table.iloc[i, table.columns.get_loc("session")] = home[speaker]
    return table


any_table = st.one_of(tables(sessions=""), tables(), dialogues())


def folds_of(protocol, table):
    """Return the folds, or None if the table is refused."""
    try:
        return protocol.folds(table)
    except InputError:
        return None


def values(table, column, rows):
    return set(table[column].iloc[rows].dropna())


def partners(table, tested):
    """Find who shares a session with one of those tested."""
    own = values(table, "session", np.flatnonzero(table["speaker"].isin(tested)))
    return values(table, "speaker", np.flatnonzero(table["session"].isin(own))) - set(tested)


def taught(fold):
    """Return the rows on which a system may be trained."""
    return np.concatenate([fold.train, fold.development[: fold.development_trains and None]])


# ---- what is promised of every table -------------------------------------------------------------


@many
@given(any_table)
def test_nobody_trains_who_shares_a_session_with_the_tested(table):
    for protocol in (*MADE, *(InnerFolds(outer, 3) for outer in MADE)):
        for fold in folds_of(protocol, table) or ():
            tested = values(table, "speaker", fold.test)
            assert not values(table, "speaker", taught(fold)) & partners(table, tested)
            assert not values(table, "session", taught(fold)) & values(table, "session", fold.test)


@many
@given(any_table)
def test_made_folds_divide_no_session(table):
    for protocol in (MADE[2], *(InnerFolds(outer, 3) for outer in MADE)):
        for fold in folds_of(protocol, table) or ():
            parts = [values(table, "session", rows) for rows in fold.parts().values()]
            assert not any(a & b for a, b in itertools.combinations(parts, 2))


@many
@given(any_table)
def test_leave_one_speaker_out_is_refused_only_where_nobody_could_develop(table):
    everybody, classes = set(table["speaker"]), set(table["emotion"])

    def complete(*out):
        return set(table["emotion"][~table["speaker"].isin(out)]) == classes

    possible = all(
        complete(one, *near) if near else any(complete(one, d) for d in everybody - {one})
        for one in everybody
        for near in [partners(table, {one})]
    )
    folds = folds_of(LOSO, table)
    assert (folds is not None) == possible
    for fold in folds or ():
        near = partners(table, {fold.name})
        developing = values(table, "speaker", fold.development)
        assert fold.development_trains == (not near)
        if near:
            assert developing == near
        else:
            # One speaker with everybody they share a session with, if training can do without.
            whole = [{d} | partners(table, {d}) for d in everybody - {fold.name}]
            fitting = [group for group in whole if complete(fold.name, *group)]
            assert developing in (fitting or [{d} for d in everybody])
        assert sum(map(len, fold.parts().values())) == len(table)


@many
@given(any_table, st.permutations(range(8)))
def test_names_of_speakers_do_not_decide_whether_there_are_folds(table, order):
    names = dict(zip("abcdefgh", (f"s{i}" for i in order), strict=True))
    renamed = table.assign(
        speaker=table["speaker"].map(names),
        session=table["session"].map(lambda s: s and str(9 - int(s)) if s == s else s),
    )
    for protocol in (LOSO, PAIR, protocols.LeaveOneSessionOut()):
        assert (folds_of(protocol, table) is None) == (folds_of(protocol, renamed) is None)
    for whole in (table, renamed):
        whole["split"] = whole["speaker"].map(lambda s, own=whole is table: s if own else f"x{s}")
    for protocol in GIVEN:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            assert (folds_of(protocol, table) is None) == (folds_of(protocol, renamed) is None)


@many
@given(any_table)
def test_sessions_of_one_speaker_or_unknown_ones_change_nothing(table):
    table = table.assign(session=None)
    own = table.assign(session=table["speaker"] + "-" + table["emotion"])
    bare = table.drop(columns="session")
    for protocol in (LOSO, PAIR, MADE[2], InnerFolds(LOSO, 2)):
        expected = folds_of(protocol, bare)
        for other in (table, own):
            found = folds_of(protocol, other)
            assert (found is None) == (expected is None)
            for one, two in zip(found or (), expected or (), strict=True):
                assert one.name == two.name
                assert one.development_trains == two.development_trains
                assert all(map(np.array_equal, one.parts().values(), two.parts().values()))


# ---- dialogues with an irregular session ---------------------------------------------------------


def irregular(table, kind):
    """Change session 3 of IEMOCAP, or take something from it."""
    table = table.copy()
    of = table["speaker"].isin(("Ses03F",))
    if kind == "no label":
        table.loc[of, "session"] = None
    elif kind == "one label missing":
        table.loc[table.index[of][0], "session"] = None
    elif kind == "one speaker":
        table = table[~of]
    elif kind == "three speakers":
        more = table[of].assign(speaker="Ses03X").rename(index=lambda name: f"{name}x")
        table = pd.concat([table, more])
    else:
        table.loc[table.index[of][:4], "session"] = "4"
    return table


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("no label", {"Ses03F": [], "Ses03M": []}),
        ("one label missing", {}),
        ("one speaker", {"Ses03M": []}),
        (
            "three speakers",
            {
                "Ses03F": ["Ses03M", "Ses03X"],
                "Ses03M": ["Ses03F", "Ses03X"],
                "Ses03X": ["Ses03F", "Ses03M"],
            },
        ),
        (
            "two sessions",
            {
                "Ses03F": ["Ses03M", "Ses04F", "Ses04M"],
                "Ses04F": ["Ses03F", "Ses04M"],
                "Ses04M": ["Ses03F", "Ses04F"],
            },
        ),
    ],
)
def test_an_irregular_session_leaves_the_others_protected(iemocap, kind, changed):
    table = irregular(iemocap, kind)
    for fold in LOSO.folds(table):
        partner = fold.name[:-1] + ("M" if fold.name[-1] == "F" else "F")
        expected = changed.get(fold.name, [partner])
        developing = sorted(values(table, "speaker", fold.development))
        if expected:
            assert (developing, fold.development_trains) == (expected, False)
        else:
            # The next session: both of its speakers, of whom one would be heard with the other.
            assert developing in (["Ses04F", "Ses04M"], ["Ses03M"])
            assert fold.development_trains


def test_leave_one_pair_out_keeps_both_partners_out_of_training(iemocap):
    folds = {fold.name: fold for fold in PAIR.folds(iemocap)}
    assert len(folds) == 25
    for name, fold in folds.items():
        one, other = name.split("+")
        near = sorted(partners(iemocap, {one, other}))
        developing = sorted(values(iemocap, "speaker", fold.development))
        assert fold.development_trains == (one[:-1] == other[:-1])
        assert len(developing) == 2
        assert near in ([], developing)
    assert values(iemocap, "speaker", folds["Ses05F+Ses05M"].development) == {"Ses01F", "Ses01M"}


def test_folds_of_dialogues_are_of_whole_dialogues(iemocap):
    folds = protocols.SpeakerFolds().folds(iemocap)
    assert {frozenset(values(iemocap, "session", fold.test)) for fold in folds} == {
        frozenset(name) for name in "12345"
    }
    inner = InnerFolds(protocols.LeaveOneSessionOut(), 3).folds(iemocap)
    assert len(inner) == 5 * 3
    assert len(InnerFolds(protocols.LeaveOneSessionOut(), 9).folds(iemocap)) == 5 * 4


# ---- divisions of others -------------------------------------------------------------------------


def test_a_given_division_that_divides_sessions_is_used_with_a_warning(iemocap):
    table = iemocap.assign(split=iemocap["sex"].replace({"female": "train", "male": "test"}))
    with pytest.warns(
        InputWarning, match=r"predefined: 1 of 1 folds have sessions in training"
    ) as w:
        protocols.Predefined().folds(table)
    assert len(w) == 1
    assert "fold 'predefined' with 1, 2, 3, 4; expected each session on one side" in str(
        w[0].message
    )
    # One that says nothing of unknown speakers is no case of it.
    protocols.Predefined(speaker_disjoint=False).folds(table)
    protocols.Random8020().folds(table)


def test_development_rows_of_a_tested_dialogue_never_train_whoever_divides(iemocap):
    rows = protocols.split_table(LOSO.folds(iemocap), iemocap)
    assert not any(f.development_trains for f in protocols.SplitFile(rows).folds(iemocap))
    parts = {"Ses01F": "test", "Ses01M": "dev"}
    table = iemocap.assign(split=[parts.get(s, "train") for s in iemocap["speaker"]])
    for disjoint in (True, False):
        (fold,) = protocols.Predefined(speaker_disjoint=disjoint).folds(table)
        assert fold.development_trains != disjoint


def test_development_speakers_are_taken_from_training_by_whole_sessions(iemocap):
    parts = {"Ses01F": "test", "Ses01M": "test"}
    table = iemocap.assign(split=[parts.get(s, "train") for s in iemocap["speaker"]])
    (fold,) = protocols.Predefined().folds(table)
    assert len(values(table, "speaker", fold.development)) == 2
    assert len(values(table, "session", fold.development)) == 1


# ---- classes of few speakers ---------------------------------------------------------------------


def only(table, emotion, speakers):
    return table[(table["emotion"] != emotion) | table["speaker"].isin(list(speakers))]


@pytest.mark.parametrize("two", [*itertools.combinations("abcde", 2)])
def test_a_class_of_two_speakers_is_enough_whatever_they_are_called(small, two):
    table = only(small("abcde", ("anger", "fear", "sadness")), "sadness", two)
    assert len(LOSO.folds(table)) == 5
    sexes = table["speaker"].map(dict(zip("abcde", "fmfmf", strict=True)))
    assert len(LOSO.folds(table.assign(sex=sexes))) == 5
    sessions = table.assign(session=table["speaker"])
    assert len(protocols.LeaveOneSessionOut().folds(sessions)) == 5
    assert len(protocols.SpeakerFolds().folds(table)) == 5
    assert len(protocols.SpeakerFolds().folds(table.assign(split=table["speaker"]))) == 5
    assert len(protocols.Predefined().folds(table.assign(split=table["speaker"]))) == 5


@pytest.mark.parametrize("two", [*itertools.combinations("abcdef", 2)])
def test_two_speakers_of_a_class_are_put_into_two_folds(small, two):
    table = only(small("abcdef", ("anger", "fear", "sadness")), "sadness", two)
    for sex in (None, table["speaker"].map(dict(zip("abcdef", "mmmfff", strict=True)))):
        folds = protocols.SpeakerFolds(k=3).folds(table.assign(sex=sex))
        assert [len(values(table, "speaker", fold.test)) for fold in folds] == [2, 2, 2]
    # A class of three is in two inner folds of every outer one.
    third = next(s for s in "abcdef" if s not in two)
    more = only(small("abcdef", ("anger", "fear", "sadness")), "sadness", (*two, third))
    assert len(InnerFolds(LOSO, 2).folds(more)) == 12


def test_the_nearest_speaker_whom_training_can_spare_develops(small):
    table = only(small("abcde", ("anger", "fear", "sadness")), "sadness", "de")
    developing = {
        fold.name: "".join(values(table, "speaker", fold.development)) for fold in LOSO.folds(table)
    }
    assert developing == {"a": "b", "b": "c", "c": "d", "d": "a", "e": "a"}


# ---- refusals ------------------------------------------------------------------------------------


def in_sessions(table, sessions):
    return table.assign(session=[sessions.get(s) for s in table["speaker"]])


REFUSED = [
    (
        *(LOSO, dict.fromkeys("abcdef", "day 1")),
        r"fold 'a': everybody else shares a session with a tested speaker, and nobody is left for "
        r"training; expected speakers of other sessions; .* leave the column 'session' out",
    ),
    (
        *(protocols.SpeakerFolds(k=4), dict(zip("abcdef", "112233", strict=True))),
        r"at least 4 groups of speakers who share no session with others, expected k=3 or "
        r"leave_one_speaker_out; found 3: a\+b, c\+d, e\+f; speakers of one session are taken",
    ),
    (
        *(protocols.SpeakerFolds(k=3), dict(zip("abcdef", "111222", strict=True))),
        r"others, expected leave_one_speaker_out; found 2: a\+b\+c, d\+e\+f; ",
    ),
    (
        *(InnerFolds(LOSO, 3), dict(zip("abcdef", "111222", strict=True))),
        r"two or more training speakers who share no session; fold a of leave_one_speaker_out has "
        r"one group: d\+e\+f; ",
    ),
]


@pytest.mark.parametrize(("protocol", "sessions", "message"), REFUSED)
def test_too_few_sessions_are_refused_with_what_fits(small, protocol, sessions, message):
    with pytest.raises(InputError, match=message):
        protocol.folds(in_sessions(small("abcdef"), sessions))


def test_training_speakers_of_one_session_cannot_be_divided(small):
    table = in_sessions(small("abcdef"), dict.fromkeys("abcde", "1"))
    table["split"] = ["test" if s == "f" else "train" for s in table["speaker"]]
    with pytest.raises(InputError, match=r"two speakers who share no session; found a\+b\+c\+2 mo"):
        protocols.Predefined().folds(table)


@pytest.mark.parametrize(
    ("speakers", "sessions", "message"),
    [
        ("c", {}, r"sadness is of 1 speaker alone \(c\). Leave such a class out of the table, or "),
        ("ab", dict.fromkeys("ab", "1"), r"2 speakers alone \(a, b\).* who share no session with"),
    ],
)
def test_a_class_that_training_cannot_have_is_refused_with_remedies(
    small, speakers, sessions, message
):
    table = only(small("abcdef", ("anger", "fear", "sadness")), "sadness", speakers)
    with pytest.raises(InputError, match="no training row of sadness; expected all of.*" + message):
        LOSO.folds(in_sessions(table, sessions))

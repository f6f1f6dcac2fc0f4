"""Words for the parts of a fold are understood, and told from names of folds."""

import pandas as pd
import pytest

from ser_lib import protocols
from ser_lib.errors import InputError

WORDS = [
    ("Train", "Dev", "Test"),
    ("TRAIN", "DEV", "TEST"),
    ("Train", "Development", "Test1"),
    ("Training", "Validation", "Testing"),
    ("train", "val", "test"),
    ("train_set", "valid", "test_set"),
]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("kind", ["predefined", "split_file"])
def test_usual_words_for_the_parts_are_understood_in_any_case(words, kind, small, tmp_path):
    table = small("abcdefg")
    word_of = {"f": words[1], "g": words[2]}
    table["split"] = [word_of.get(speaker, words[0]) for speaker in table["speaker"]]
    path = tmp_path / "split.csv"
    rows = pd.DataFrame({"utterance": table.index, "fold": "1", "part": table["split"].to_numpy()})
    rows.to_csv(path, index=False)
    protocol = protocols.read_split(path) if kind == "split_file" else protocols.make(kind)
    (fold,) = protocol.folds(table)
    of = {part: set(table["speaker"].iloc[rows]) for part, rows in fold.parts().items()}
    assert of == {"train": set("abcde"), "dev": {"f"}, "test": {"g"}}
    # They are no folds whose speakers are tested in turn.
    assert len(protocols.make("speaker_folds").folds(table)) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "dev", "eval"), "holds eval; expected train, dev, test"),
        (("eval", "hold-out", "eval"), "holds eval, hold-out; expected train, dev, test"),
        (("Trainingsdaten", "x", "Testdaten"), "holds Testdaten, Trainingsdaten, x; expected"),
        (("train", "Test1", "Test2"), "holds Test1 and Test2, which both mean test; expected one"),
        (("train", "dev", "val"), "holds dev and val, which both mean dev"),
        (("train", "dev", "1"), "holds 1; expected train, dev, test"),
        (("1", "01", "2"), "names folds '01' and '1'; expected one spelling"),
        (("fold1", "Fold1", "fold2"), "names folds 'Fold1' and 'fold1'; expected one spelling"),
    ],
)
def test_words_that_may_mean_two_things_are_refused(words, message, small):
    table = small("abcdefg")
    word_of = {"f": words[1], "g": words[2]}
    table["split"] = [word_of.get(speaker, words[0]) for speaker in table["speaker"]]
    with pytest.raises(InputError, match=message):
        protocols.make("predefined").folds(table)


@pytest.mark.parametrize("names", ["123", ("fold1", "fold2", "fold3"), ("A", "B", "C"), "019"])
def test_names_of_folds_stay_names_of_folds(names, small):
    table = small("abcdef")
    table["split"] = [names[ord(speaker) % 3] for speaker in table["speaker"]]
    folds = protocols.make("predefined").folds(table)
    assert [fold.name for fold in folds] == [f"fold {name}" for name in names]


def test_digits_that_are_no_decimals_and_very_long_ones_are_names(small):
    names = ["2", "\u00b2", "10", "\u0663", "9" * 5000, "010"]
    table = small("abcdef").assign(session=[name for name in names for _ in range(4)])
    folds = protocols.make("leave_one_session_out").folds(table)
    order = ["\u00b2", "\u0663", "2", "010", "10", "9" * 5000]
    assert [fold.name for fold in folds] == [f"session {name}" for name in order]

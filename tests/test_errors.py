"""An error names what was found, what is known, and the nearest of it."""

import warnings

from ser_lib.corpora import discovery
from ser_lib.errors import InputError, listed, nearest, unknown


def test_a_near_name_is_suggested():
    error = unknown("corpus", "emobd", ["emodb", "ravdess"])
    assert isinstance(error, InputError)
    assert str(error) == "unknown corpus 'emobd'; did you mean 'emodb'? Known: emodb, ravdess"


def test_a_far_name_is_not():
    assert str(unknown("corpus", "xyz", ["emodb"])) == "unknown corpus 'xyz'. Known: emodb"


def test_upper_and_lower_case_are_no_distance():
    assert "did you mean 'emodb'?" in str(unknown("corpus", "EmoDB 2", ["emodb"]))


def test_a_word_for_a_known_name_is_near_it():
    words = {"happiness": "happiness", "happy": "happiness", "anger": "anger"}
    assert nearest("happiness", {"anger": "anger"}) is None
    assert nearest(" Hapy", words) == "happiness"
    assert nearest("angst", words) == "anger"
    assert nearest("angst", words, 0.8) is None
    error = unknown("emotion", "hapy", ["anger", "happiness"], words)
    assert str(error).endswith("did you mean 'happiness'? Known: anger, happiness")


def test_a_long_list_is_cut():
    assert listed(["a", 1]) == "a, 1"
    assert listed(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_a_warning_points_to_the_code_that_called_the_package():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        discovery.warn_if_incomplete("toy", 5, 6)
    assert [warning.filename for warning in caught] == [__file__]

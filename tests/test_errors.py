"""An error names what was found, what is known, and the nearest of it."""

from ser_lib.errors import InputError, unknown


def test_a_near_name_is_suggested():
    error = unknown("corpus", "emobd", ["emodb", "ravdess"])
    assert isinstance(error, InputError)
    assert str(error) == "unknown corpus 'emobd'; did you mean 'emodb'? Known: emodb, ravdess"


def test_a_far_name_is_not():
    assert str(unknown("corpus", "xyz", ["emodb"])) == "unknown corpus 'xyz'. Known: emodb"

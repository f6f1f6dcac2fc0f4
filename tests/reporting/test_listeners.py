"""What listeners reach stands on the page of a corpus that knows it."""

from ser_lib.reporting.listeners import paragraph


def test_the_mean_of_the_classes_is_given_from_the_first_record_that_knows_it():
    known = {"listeners": {"anger": 0.9, "neutral": 0.8}}
    (text,) = paragraph([{}, {"listeners": None}, known])
    assert text.startswith("Listeners: UAR 0.850, ")
    assert "anger 0.900, neutral 0.800" in text
    assert paragraph([{}, {"listeners": None}]) == []

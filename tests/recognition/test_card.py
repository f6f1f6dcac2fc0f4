"""The model card: a head that the Hugging Face Hub reads, and text that people can trust."""

import copy
import statistics

import pytest
import soundfile
import yaml

from ser_lib.recognition import card


@pytest.fixture
def description(recogniser):
    description = copy.deepcopy(recogniser.description)
    description["expected"] = {
        "summary": "UAR 0.764 [0.704, 0.815] on synthetic 1", "uar": 0.764, "code": "current",
    }  # fmt: skip
    return description


def head_of(text):
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_head_is_that_of_a_model_card(description):
    head, _ = head_of(card.text(description))
    assert head["library_name"] == "ser_lib"
    assert head["pipeline_tag"] == "audio-classification"
    assert description["corpus"]["licence"] in head["license_name"]
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.764


def test_the_text_says_what_must_be_known(description):
    _, body = head_of(card.text(description))
    for text in (
        description["corpus"]["title"],
        "3 speakers",
        "speech: synthetic",
        r"UAR 0.764 \[0.704, 0.815\] on synthetic 1",
        "Never for decisions about people",
        "expected calibration error",
        description["citation"],
    ):
        assert text in body


def test_numbers_stand_where_they_belong(description):
    description["classes"] = ["anger", "calm", "fear", "happiness", "neutral", "sadness", "other"]
    description["corpus"] |= {
        "utterances": 535,
        "speakers": 10,
        "hours": 0.41,
        "median_seconds": 2.59,
        "emotions": {"anger": 127, "boredom": 81},
    }
    description["calibration"] = {
        "temperature": 1.2345,
        "before": 0.0712,
        "after": 0.0234,
        "rows": 1605,
        "groups": 9,
        "source": "evaluation",
    }
    _, body = head_of(card.text(description))
    for text in (
        "535 recordings of 10 speakers, 0.41 hours, half of them shorter than 2.59 s.",
        "- emotions: anger 127, boredom 81\n",
        "UAR is the mean recall of the classes (chance: 0.143), in brackets its 95 % interval",
        "that trained on no test speaker.\n",
        "Logarithms of posteriors are divided by 1.23 (Guo et al. 2017). The expected calibration "
        "error is 0.071 before and 0.023 after it, on 1605 predictions (a recording counts once "
        "per seed) for 9 speakers: the test rows of the evaluation above, ",
        "- It knows 7 emotions and gives one of them for any speech.",
        "- It was trained on 535 recordings of one corpus.",
    ):
        assert text in body
    description["expected"]["code"] = "older"
    assert "that trained on no test speaker. Made by older code.\n" in card.text(description)


def test_durations_are_those_of_the_recordings(recogniser, corpus):
    found = [soundfile.info(path).duration for path in corpus.table["path"]]
    said = recogniser.description["corpus"]
    assert said["hours"] == round(sum(found) / 60 / 60, 2)
    assert said["median_seconds"] == round(statistics.median(found), 2)
    # Another number than the mean.
    assert said["median_seconds"] != round(statistics.mean(found), 2)


def test_what_was_not_measured_is_said_to_be(recogniser):
    head, body = head_of(card.text(recogniser.description))
    assert "model-index" not in head
    assert "Not measured: no evaluation" in body


def test_markup_in_names_stays_text(description):
    description["corpus"] |= {
        "title": "<script>alert(1)</script> [x](http://x)",
        "licence": 'free"\n---\nevil: true\n',
        "name": "a: b\n- c",
        "citation": "```\n# Heading",
    }
    head, body = head_of(card.text(description))
    assert "<script>" not in body
    assert "[x](http" not in body
    assert "\n---\n" not in body
    assert "evil" not in head
    assert body.count("```") % 2 == 0

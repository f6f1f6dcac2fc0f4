"""The model card: a head that the Hugging Face Hub reads, and text that people can trust."""

import copy

import pytest
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

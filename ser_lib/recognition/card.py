"""The model card, in the form of the Hugging Face Hub: a YAML head, then Markdown."""

import html
import json
import re
from collections.abc import Mapping

# Characters that would begin a link, an image, emphasis, code or a column.
_MARKUP = re.compile(r"([\\`*_\[\]|#~])")

_INTENDED = (
    "To try speech emotion recognition on recordings, to compare with other systems, to teach, and "
    "to label recordings of the kind it was trained on for somebody who then checks the labels."
)
NOT_INTENDED = (
    "Never for decisions about people: not in hiring, teaching, policing, insurance, care, or at "
    "work, and not to monitor anybody who has not agreed. It classifies how a voice sounds, not "
    "what a person feels. In the European Union, inferring emotions at work and in education is "
    "prohibited (Regulation (EU) 2024/1689, Article 5(1)(f))."
)
_SOURCES = {
    "evaluation": "the test rows of the evaluation above, each predicted by a classifier "
    "that was trained without its speaker",
    "further training": "a fifth of the speakers, held out from one further training; this model "
    "was then trained on them as well",
    "development speakers": "the speakers on whom the epoch was chosen, who did not train this "
    "model; as the epoch was chosen on them, the errors are a little too small",
}


def text(description: Mapping[str, object]) -> str:
    """
    Write the card of a model.

    Parameters
    ----------
    description : dict
        Content of ``model.json``.

    Returns
    -------
    str
        Markdown with a YAML head. Texts of the corpus and of records are escaped.
    """
    corpus, title = description["corpus"], description["title"]
    parts = [
        _head(description),
        f"# {_escape(title)}, trained on {_escape(corpus['title'])}",
        "Recognises the emotion in recorded speech: "
        f"{_escape(', '.join(description['classes']))}. Written by `ser train` of ser_lib; "
        "`model.json` says everything in a form that programs read.",
        "## Use",
        *_use(description["normalisation"] == "speaker"),
        "## Training data",
        _training_data(description),
        "## Scores on unseen speakers",
        _scores(description),
        "## Calibration",
        _calibration(description),
        "## Intended use",
        _INTENDED,
        "## Must not be used for",
        NOT_INTENDED,
        "## Limits",
        _limits(description),
        "## Files",
        _files(description),
        "## Cite",
        *(f"```bibtex\n{entry.replace('```', '')}\n```" for entry in _citations(description)),
    ]
    return "\n\n".join(parts) + "\n"


def _use(by_speaker: bool) -> tuple[str, ...]:
    """Write the commands; a model that scales by speaker is first given the speaker."""
    option, statistics, said = "", "", ()
    if by_speaker:
        option, statistics = " --speaker RECORDINGS", ".for_speaker(recordings)"
        said = (
            "Features are scaled by the statistics of whoever speaks: RECORDINGS are some of this "
            "speaker, without labels. Ten or more in which several emotions occur are better than "
            "a few of one emotion.",
        )
    return (
        f"```sh\nser predict --model FOLDER{option} recording.wav\n```",
        "```python\nimport ser_lib\n\n"
        f"recogniser = ser_lib.recognition.load(folder){statistics}\n"
        'recogniser.predict("recording.wav")  # one row\n'
        'recogniser.timeline("recording.wav", window=3, hop=1)  # a row per window\n```',
        *said,
    )


def _head(description: Mapping[str, object]) -> str:
    corpus, expected = description["corpus"], description.get("expected")
    head = {
        "library_name": "ser_lib",
        "pipeline_tag": "audio-classification",
        "tags": ["speech-emotion-recognition", description["system"], corpus["name"]],
        "language": corpus["languages"],
        "license": "other",
        "license_name": f"that of the corpus: {corpus['licence']}",
        "metrics": ["recall"],
    }
    if expected:
        result = {
            "task": {"type": "audio-classification", "name": "speech emotion recognition"},
            "dataset": {"type": corpus["name"], "name": corpus["title"]},
            "metrics": [
                {"type": "recall", "name": "UAR, unseen speakers", "value": expected["uar"]}
            ],
        }
        head["model-index"] = [{"name": description["name"], "results": [result]}]
    # JSON is YAML.
    return "---\n" + "\n".join(f"{k}: {json.dumps(v)}" for k, v in head.items()) + "\n---"


def _training_data(description: Mapping[str, object]) -> str:
    corpus = description["corpus"]
    subset = "" if corpus["subset"] == "all" else f" ({_escape(corpus['subset'])})"
    speakers = f"{corpus['speakers']} speakers" if corpus["speakers"] else "unknown speakers"
    languages = ", ".join(corpus["languages"]) or "not known"
    counts = ", ".join(
        f"{_escape(emotion)} {count}" for emotion, count in corpus["emotions"].items()
    )
    lines = [
        f"{_escape(corpus['title'])}, version {_escape(corpus['version'])}{subset}: "
        f"{corpus['utterances']} recordings of {speakers}, {corpus['hours']} hours, half of them "
        f"shorter than {corpus['median_seconds']} s.",
        f"- speech: {_escape(corpus['speech'] or 'how it came about is not recorded')}; "
        f"language: {_escape(languages)}",
        f"- emotions: {_escape(counts)}",
        f"- licence of the recordings: {_escape(corpus['licence'])}",
    ]
    held = description["development_speakers"]
    if held:
        lines.append(f"- held out to choose the epoch: speakers {_escape(', '.join(held))}")
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _scores(description: Mapping[str, object]) -> str:
    expected = description.get("expected")
    lines = ["Not measured: no evaluation of this very specification is stored."]
    if expected:
        older = " Made by older code." if expected["code"] == "older" else ""
        lines = [
            f"{_escape(expected['summary'])}. UAR is the mean recall of the classes (chance: "
            f"{1 / len(description['classes']):.3f}), in brackets its 95 % interval (over speakers "
            "and, where there are several, seeds), from an evaluation of the same specification "
            f"that trained on no test speaker.{older}"
        ]
    return "\n\n".join([*lines, *map(_elsewhere, description["evaluations"])])


def _elsewhere(other: Mapping[str, object]) -> str:
    """Say what the model scores on another corpus."""
    return (
        f"On {_escape(other['title'])}, another corpus, on the recordings whose emotion it knows, "
        f"with all of the model's emotions: {_escape(other['all_outputs'])}. A posterior is no "
        "probability of being right. Over the emotions that both know, the others left out: "
        f"{_escape(other['summary'])}."
    )


def _calibration(description: Mapping[str, object]) -> str:
    calibration = description["calibration"]
    if calibration is None:
        return (
            f"None, as no speakers could be held out ({_escape(description['uncalibrated'])}). "
            "Posteriors are as the system gives them, and most likely too sure."
        )
    after = calibration["after"]
    return (
        f"Logarithms of posteriors are divided by {calibration['temperature']:.3g} (Guo et al. "
        f"2017). The expected calibration error is {calibration['before']:.3f} before and "
        + ("not measured" if after is None else f"{after:.3f}")
        + f" after it, on {calibration['rows']} predictions (a recording counts once per seed) "
        f"for {calibration['groups']} speakers: {_SOURCES[calibration['source']]}. For the error "
        "afterwards, speakers are scaled by a temperature that others gave; the temperature is the "
        "one with the least cross-entropy, which need not lower this error. No recording of "
        "another corpus took part."
    )


def _limits(description: Mapping[str, object]) -> str:
    corpus = description["corpus"]
    lines = [
        f"- It knows {len(description['classes'])} emotions and gives one of them for any speech.",
        f"- It was trained on {corpus['utterances']} recordings of one corpus. On other speakers, "
        "languages, microphones and rooms, and on emotions that are felt rather than acted, it is "
        "worse than the score above, often much.",
        "- A recording longer than 60 s is recognised in windows of 3 s, and their posteriors are "
        "averaged.",
        "- Voice activity is detected, but a voice is not told from a loudspeaker or from song.",
    ]
    return "\n".join(lines)


def _files(description: Mapping[str, object]) -> str:
    classifier, versions = description["classifier"], description["provenance"]["environment"]
    kind = {
        "svm": "a support vector machine (skops)",
        "discriminant": "discriminant analysis (arrays of NumPy)",
        "network": "a network (Keras and ONNX)",
    }[classifier["kind"]]
    if classifier.get("runtime") == "keras":
        kind = f"a network (Keras; {_escape(description['note'])})"
    versions = versions["versions"].items()
    packages = _escape(", ".join(f"{name} {version}" for name, version in versions))
    return (
        f"{kind[0].upper()}{kind[1:]} of {classifier['n_parameters']} parameters; nothing in the "
        f"folder is code, and each file is checked when it is loaded. Trained with {packages}."
    )


def _citations(description: Mapping[str, object]) -> list[str]:
    return [description["corpus"]["citation"], description["citation"]]


def _escape(value: object) -> str:
    line = " ".join(str(value).split())
    return html.escape(_MARKUP.sub(r"\\\1", line), quote=False)

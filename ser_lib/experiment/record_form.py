"""What the record of an evaluation must hold: checked before anything is made of it."""

import re
from collections.abc import Iterator, Mapping

from ser_lib.features.normalisation import NORMALISATIONS

_TEXT, _TRUTH, _COUNT, _NUMBER = str, bool, int, int | float
_OPTIONAL = "?"  # ends the keys that may be missing
_TEXTS = [_TEXT]
_MODULE = re.compile(r"ser_lib(\.\w+)*")

_RUN = {"seed": _COUNT, "fold": _TEXT, "fit_seconds": _NUMBER, "predict_seconds": _NUMBER}
_SPECIFICATION = {
    "corpus": {
        **dict.fromkeys(("version", "subset", "fingerprint"), _TEXT),
        "classes": _TEXTS,
    },
    "normalisation": _TEXT,
    "conditions": {},
    "seeds": [_COUNT],
    "folds": _TEXTS,
    "weights?": _TEXT,
    "seeds_averaged?": _TRUTH,
}
_FORM = {
    **dict.fromkeys(("digest", "system", "title", "variant", "backend"), _TEXT),
    **dict.fromkeys(("corpus", "corpus_title", "corpus_licence", "corpus_citation?"), _TEXT),
    **dict.fromkeys(("protocol", "protocol_title", "protocol_description?"), _TEXT),
    **dict.fromkeys(("utterances", "speakers", "n_folds"), _COUNT),
    **dict.fromkeys(("speaker_disjoint", "partial"), _TRUTH),
    "specification": _SPECIFICATION,
    "parameters": {},
    "members?": {},
    "citation?": _TEXT | None,
    "command?": _TEXT | None,
    "listeners?": dict | None,
    "deviations": _TEXTS,
    "published": [
        {
            **dict.fromkeys(("corpus", "metric"), _TEXT),
            **dict.fromkeys(("source?", "remark?", "protocol?"), _TEXT),
            "value": _NUMBER,
            "classes?": _COUNT,
            "speaker_disjoint?": _TRUTH | None,
        }
    ],
    "environments": [
        {
            "versions": {},
            "hardware": {"cpu": _TEXT, "cores": _COUNT | None, "gpu": _TEXT | None},
            "backend?": _TEXT,
        }
    ],
    "code": [{"code?": _TEXT, "roots": _TEXTS, "files": {}}],
    "runs": [{**_RUN, "n_parameters": _COUNT | None, "code?": _COUNT, "environment?": _COUNT}],
}


def problem(record: Mapping[str, object]) -> str | None:
    """
    Say what is wrong with the form of a record, in words; None if it is as it should be.

    Its types are compared with those that this package writes, its numbers of runs with the lists
    that they count in.
    """
    for found in _differences(record, _FORM, ""):
        return found
    specification = record["specification"]
    if specification["normalisation"] not in NORMALISATIONS:
        return f"normalisation is {specification['normalisation']!r}"
    for name in ("seeds", "folds"):
        if not specification[name]:
            return f"specification.{name} is empty"
    for run in record["runs"]:
        for name, listed in (("code", "code"), ("environment", "environments")):
            if not 0 <= run.get(name, 0) < max(1, len(record[listed])):
                return f"runs name {listed} {run[name]}, of {len(record[listed])}"
    for code in record["code"]:
        for root in code["roots"]:
            if not _MODULE.fullmatch(root):
                return f"code.roots names {root!r}"
    for name, kind in (("listeners", _NUMBER), ("members", _TEXT)):
        for value in (record.get(name) or {}).values():
            if isinstance(value, bool) or not isinstance(value, kind):
                return f"{name} are {_short(record[name])}"
    return None


def _differences(value: object, form: object, where: str) -> Iterator[str]:
    """Go through what a value lacks, or has of another type, than a form asks for."""
    if isinstance(form, dict):
        if not isinstance(value, dict):
            yield f"{where or 'it'} is {_short(value)}, not an object"
            return
        for key, inner in form.items():
            name = key.removesuffix(_OPTIONAL)
            path = f"{where}.{name}".lstrip(".")
            if name in value:
                yield from _differences(value[name], inner, path)
            elif name == key:
                yield f"no {path}"
    elif isinstance(form, list):
        if not isinstance(value, list):
            yield f"{where} is {_short(value)}, not a list"
            return
        for item in value:
            yield from _differences(item, form[0], where)
    elif not isinstance(value, form) or (isinstance(value, bool) and not _allows_truth(form)):
        yield f"{where} is {_short(value)}"


def _allows_truth(form: object) -> bool:
    return form is _TRUTH or form == _TRUTH | None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

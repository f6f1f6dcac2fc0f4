"""A model that was damaged, altered or made to do harm is an error, and nothing of it runs."""

import io
import json
import os
import pickle
import zipfile

import pytest

from ser_lib.errors import InputError
from ser_lib.identity import digest
from ser_lib.recognition import load
from ser_lib.recognition.folder import read_description, seal


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def resealed(model, **changes):
    """Change a description as somebody would who knows how it is checked."""
    description = json.loads((model / "model.json").read_text())
    description = {k: v for k, v in description.items() if k not in ("sha256", "format", "files")}
    description = seal(description | changes, model)
    (model / "model.json").write_text(json.dumps(description))


def raw(model, **changes):
    """Change anything of a description, its form included."""
    description = json.loads((model / "model.json").read_text()) | changes
    content = {k: v for k, v in description.items() if k != "sha256"}
    (model / "model.json").write_text(json.dumps({"sha256": digest(content), **content}))


def test_a_description_is_read_as_it_was_written(svm_folder):
    description = read_description(svm_folder)
    assert description["system"] == "svm"
    assert set(description["files"]) == {"svm.skops"}


@pytest.mark.parametrize("name", ["model.json", "svm.skops"])
def test_a_missing_file_is_named(name, model):
    (model / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file"):
        load(model)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        load(tmp_path / "nowhere")


def test_every_changed_byte_is_noticed(model):
    for name in ("model.json", "svm.skops"):
        path = model / name
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 40)):
            flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
            path.write_bytes(flipped)
            with pytest.raises(InputError, match=name):
                load(model)
        for length in (0, 1, len(whole) // 2, len(whole) - 2):
            path.write_bytes(whole[:length])
            with pytest.raises(InputError, match=name):
                load(model)
        path.write_bytes(whole)
    load(model)


def test_the_card_may_be_edited(model):
    (model / "README.md").write_text("mine")
    load(model)


@pytest.mark.parametrize("text", ["[]", "null", "1", "[" * 100_000, '{"format": 1}', "{}"])
def test_a_description_that_is_none(text, model):
    (model / "model.json").write_text(text)
    with pytest.raises(InputError, match=r"model\.json"):
        load(model)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (2, "is 2, from a newer version of ser_lib"),
        (True, "is True"),
        ("1", "is '1'"),
        (0, "is 0"),
        (None, "is None"),
    ],
)
def test_the_format_must_be_a_known_one(version, message, model):
    raw(model, format=version)
    with pytest.raises(InputError, match=message):
        load(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": "anger"}, "classes is 'anger'"),
        ({"classes": ["anger"]}, "two or more"),
        ({"classes": ["anger", "anger"]}, "two or more"),
        ({"classes": ["anger", 3]}, "two or more"),
        ({"classes": ["joy", "wrath"]}, "the classifier gives"),
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": True}, "temperature is True"),
        ({"temperature": "1"}, "temperature is '1'"),
        ({"normalised_by_front_end": None}, "normalised_by_front_end is None"),
        ({"front_end": {"class": "os.system", "command": "true"}}, "'os.system' is unknown"),
        ({"front_end": {}}, "is unknown"),
        ({"classifier": {}}, "cannot be read"),
        ({"classifier": {"kind": "svm"}}, "cannot be read|is missing"),
        ({"corpus": None}, "corpus is None"),
    ],
)
def test_what_a_description_must_hold(changes, message, model):
    resealed(model, **changes)
    with pytest.raises(InputError, match=message):
        load(model)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "classifier/../../secret", "other.bin", ""]
)
def test_files_elsewhere_are_refused(name, model):
    files = json.loads((model / "model.json").read_text())["files"]
    raw(model, files=files | {name: {"bytes": 1, "sha256": "0" * 64}})
    with pytest.raises(InputError, match="expected no files but"):
        load(model)


def test_links_are_refused(model, tmp_path):
    for name in ("svm.skops", "model.json"):
        target = tmp_path / f"outside {name}"
        (model / name).rename(target)
        (model / name).symlink_to(target)
        with pytest.raises(InputError, match="is a link"):
            load(model)
        (model / name).unlink()
        target.rename(model / name)


def test_a_pickle_in_the_place_of_the_machine_is_not_run(model, tmp_path):
    (model / "svm.skops").write_bytes(pickle.dumps(Harm(tmp_path / "harm")))
    resealed(model)
    with pytest.raises(InputError, match=r"svm\.skops"):
        load(model)
    assert not (tmp_path / "harm").exists()


def test_an_skops_archive_that_would_run_something_is_not_loaded(model, tmp_path):
    import skops.io

    for thing in (Harm(tmp_path / "harm"), os.system, eval):
        data = skops.io.dumps({"step": thing})
        (model / "svm.skops").write_bytes(data)
        resealed(model)
        with pytest.raises(InputError, match=r"svm\.skops: holds"):
            load(model)
    assert not (tmp_path / "harm").exists()


def test_an_archive_of_another_estimator_is_refused(model):
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    for thing in (LogisticRegression(), make_pipeline(LogisticRegression()), {"a": 1}):
        skops.io.dump(thing, model / "svm.skops")
        resealed(model)
        with pytest.raises(InputError, match=r"svm\.skops"):
            load(model)


def test_a_bomb_in_the_place_of_the_machine_is_an_error(model):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"[" * 10**6)
    (model / "svm.skops").write_bytes(out.getvalue())
    resealed(model)
    with pytest.raises(InputError, match=r"svm\.skops"):
        load(model)

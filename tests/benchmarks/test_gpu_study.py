"""What travels to the other machine and back arrives whole, and replaces nothing unsaid."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from packaging.requirements import Requirement

from benchmarks import gpu_pack, gpu_study
from ser_lib import corpora
from ser_lib.errors import InputError

DAY = 86_400


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A corpus of three recordings, of which nothing but size and place is looked at."""
    folder = tmp_path / "data" / "somewhere" / "wav"
    folder.mkdir(parents=True)
    for name in ("03a01Fa", "03a01Nc", "08a01Wa"):
        (folder / f"{name}.wav").write_bytes(name.encode() * 1000)
    table = pd.DataFrame({"path": sorted(map(str, folder.iterdir()))})
    monkeypatch.setattr(corpora, "load_corpus", lambda name: SimpleNamespace(table=table))
    monkeypatch.setattr(gpu_pack, "download", lambda packages, folder: None)
    return folder


def home_with(folder, **files):
    """A folder on the other machine: files by place, "reports/..." or "cache/..."."""
    for place, text in files.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1e9, 1e9))
    return folder


@pytest.fixture
def made(tmp_path):
    """An archive as `run` leaves it: a notebook, a figure of speed, a finished fold."""
    files = {
        "reports/emodb/02_train.ipynb": "{}",
        "reports/emodb/03_train.failed.ipynb": "{}",
        "reports/benchmarks/gpu_study.csv": "corpus\nemodb\n",
        "reports/emodb/README.md": "made again here",
        "cache/evaluations/abc/seed0-1.json": "{}",
        "cache/features/abc/values.npy": "stays there",
    }
    home = home_with(tmp_path / "home", **files)
    (archive,) = gpu_pack.archives(home, tmp_path / "out")
    return archive


def test_parts_hold_everything_once_and_are_no_larger_than_allowed(corpus, tmp_path, capsys):
    limit = 2 << 20
    parts = gpu_pack.pack(tmp_path / "packed", ["emodb"], limit=limit)
    assert len(parts) > 1
    found = {}
    for part in parts:
        files = [path for path in part.rglob("*") if path.is_file() and path.name != "plan.json"]
        assert sum(file.stat().st_size for file in files) <= limit
        for file in files:
            assert file.relative_to(part) not in found
            found[file.relative_to(part)] = file
    for name in ("ser_lib/cli.py", "benchmarks/gpu_study.py", "notebooks/01_train_svm.ipynb"):
        assert found[Path("code", name)].read_bytes() == (gpu_pack.ROOT / name).read_bytes()
    recordings = {path for path in found if path.parts[0] == "data"}
    assert recordings == {Path("data/emodb/wav", file.name) for file in corpus.iterdir()}
    assert "emodb" in capsys.readouterr().out


def test_what_does_not_fit_into_a_part_is_named_and_nothing_is_written(corpus, tmp_path):
    (corpus / "03a01Fa.wav").write_bytes(bytes(3 << 20))
    with pytest.raises(InputError, match=r"03a01Fa\.wav: 3\.0 MiB; expected at most 2\.0 MiB"):
        gpu_pack.pack(tmp_path / "packed", ["emodb"], limit=2 << 20)
    assert not (tmp_path / "packed").exists()


def test_a_packed_folder_is_not_packed_into_again(corpus, tmp_path):
    (tmp_path / "packed").mkdir()
    with pytest.raises(InputError, match="exists already"):
        gpu_pack.pack(tmp_path / "packed", ["emodb"])


def test_packages_are_those_of_the_lock_for_that_python_without_tensorflow():
    pinned = {Requirement(text).name: text for text in gpu_pack.pins(gpu_pack.ROOTS, python="3.12")}
    lock = (gpu_pack.ROOT / "requirements.lock").read_text()
    assert all(f"{text}\n" in lock or f"{text} ;" in lock for text in pinned.values())
    assert {"keras", "papermill", "nbclient", "optree", "soundfile", "scipy"} <= set(pinned)
    assert not {"tensorflow", "librosa", "jupyterlab", "debugpy"} & set(pinned)
    kept = {"leave": gpu_pack.PRESENT, **gpu_pack.LINUX}
    carried = gpu_pack.pins(gpu_pack.ROOTS, python="3.12", **kept)
    assert not any(text.startswith(("numpy", "scipy", "pandas")) for text in carried)
    assert set(carried) < set(pinned.values())


def test_parts_are_put_together_and_only_whole_corpora_are_run(corpus, tmp_path, capsys):
    parts = gpu_pack.pack(tmp_path / "packed", ["emodb"], limit=2 << 20)
    home = tmp_path / "home"
    with pytest.raises(InputError, match="no code or no whole corpus"):
        gpu_study.arrive(parts[:1], home)
    assert "0 of 3 recordings" in capsys.readouterr().out
    assert gpu_study.arrive(parts[1:], home) == ["emodb"]
    assert (home / "code" / "ser_lib" / "cli.py").is_file()


def test_the_other_machine_is_told_what_to_run(corpus, tmp_path, monkeypatch):
    parts = gpu_pack.pack(tmp_path / "packed", ["emodb"])
    home, calls = tmp_path / "home", []

    def call(variables, home, *words, seconds):
        calls.append((variables, [str(word) for word in words]))
        repeats = "XLA_FLAGS" not in variables
        if words[0] == "device":
            (home / "device.json").write_text(json.dumps({"repeats": repeats}))
        return 0

    monkeypatch.setattr(gpu_study, "call", call)
    monkeypatch.setattr(sys, "path", sys.path[:])
    options = {"jobs": 3, "systems": ["svm"], "parameters": [("epochs", "2")]}
    assert gpu_study.run(parts, tmp_path / "out", home=home, **options) == 0
    # A device that cannot repeat bit for bit is measured again as it will be used.
    assert [words[0] for _, words in calls] == ["device", "device", "study"]
    variables, words = calls[-1]
    assert "XLA_FLAGS" not in variables
    assert variables["KERAS_BACKEND"] == "jax"
    assert variables["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert variables["SER_DATA"] == str(home / "data")
    expected = "--jobs 3 --corpus emodb --system svm -p folds None -p epochs 2"
    assert " ".join(words[2:]) == expected


def test_the_command_starts_where_nothing_is_installed(corpus, tmp_path):
    (part,) = gpu_pack.pack(tmp_path / "packed", ["emodb"])
    script = part / "code" / "benchmarks" / "gpu_study.py"
    # -S hides site-packages, and with them NumPy, platformdirs and all the rest.
    command = [sys.executable, "-S", str(script), "run", "--help"]
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--home" in done.stdout


def test_what_came_back_lies_in_the_reports(made, tmp_path):
    with zipfile.ZipFile(made) as archive:
        assert sorted(archive.namelist()) == [
            "evaluations/abc/seed0-1.json",
            "reports/benchmarks/gpu_study.csv",
            "reports/emodb/02_train.ipynb",
            "reports/emodb/03_train.failed.ipynb",
        ]
    reports = tmp_path / "reports"
    written = gpu_pack.unpack([made], reports)
    assert {path.relative_to(reports).as_posix() for path in written} == {
        "benchmarks/gpu_study.csv",
        "emodb/02_train.ipynb",
    }
    # The same again is no change.
    assert gpu_pack.unpack([made], reports) == []


def test_newer_results_are_replaced_only_when_that_is_asked_for(made, tmp_path):
    reports = tmp_path / "reports"
    notebook = reports / "emodb" / "02_train.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("newer")
    with pytest.raises(InputError, match=r"02_train\.ipynb and 0 more are newer"):
        gpu_pack.unpack([made], reports)
    assert notebook.read_text() == "newer"
    assert not (reports / "benchmarks").exists()
    gpu_pack.unpack([made], reports, replace=True)
    assert notebook.read_text() == "{}"


def test_older_results_give_way(made, tmp_path):
    reports = home_with(tmp_path / "reports", **{"emodb/02_train.ipynb": "older"})
    os.utime(reports / "emodb" / "02_train.ipynb", (1e9 - DAY, 1e9 - DAY))
    gpu_pack.unpack([made], reports)
    assert (reports / "emodb" / "02_train.ipynb").read_text() == "{}"


def test_what_is_finished_is_taken_along_and_overwrites_nothing(made, tmp_path):
    home = home_with(tmp_path / "later", **{"reports/emodb/02_train.ipynb": "made since"})
    gpu_pack.restore(made, home)
    assert (home / "cache" / "evaluations" / "abc" / "seed0-1.json").read_text() == "{}"
    assert (home / "reports" / "emodb" / "02_train.ipynb").read_text() == "made since"


def test_archives_are_as_many_and_as_large_as_may_come_back(tmp_path, capsys):
    files = {f"reports/emodb/{n}.ipynb": "x" * 400 for n in range(5)}
    home = home_with(tmp_path / "home", **files)
    made = gpu_pack.archives(home, tmp_path / "out", limit=1000, most=2)
    assert [len(zipfile.ZipFile(file).namelist()) for file in made] == [2, 2]
    assert "no room for reports/emodb/4.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../outside.csv", "reports/../../outside.csv", "else/a.csv"])
def test_an_archive_of_something_else_is_refused(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "strange.zip", "w") as archive:
        archive.writestr(name, "")
    with pytest.raises(InputError, match=r"strange\.zip"):
        gpu_pack.unpack([tmp_path / "strange.zip"], tmp_path / "reports")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(InputError, match=r"text\.zip"):
        gpu_pack.unpack([tmp_path / "text.zip"], tmp_path / "reports")


def test_operations_are_those_worked_out_by_hand():
    code = """
import dataclasses, keras
from benchmarks.gpu_work import forward_operations

class Network:
    def build(self, item_shape, classes):
        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Conv1D(8, 3, strides=2, padding="same")(values)
        x = keras.layers.Bidirectional(keras.layers.LSTM(6))(x)
        x = keras.layers.Dense(classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x)

print(forward_operations(Network(), (5,), 4, 20))
"""
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(gpu_pack.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    convolution = 2 * 10 * (3 * 5 * 8)
    recurrent = 2 * 2 * 10 * (8 * 4 * 6 + 6 * 4 * 6)
    assert float(done.stdout) == convolution + recurrent + 2 * 12 * 4

"""`ser train`, `ser predict` and `ser evaluate` as they are typed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib import cli
from ser_lib.recognition.output import RowFile


@pytest.fixture
def run(capsys):
    """Run a command; return its status and what it printed on either stream."""

    def run(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_one_recording_is_a_table_and_the_expected_score(run, svm_folder, recordings):
    status, out, err = run("predict", "--model", svm_folder, recordings / "a.wav")
    assert status == 0
    head, line = out.splitlines()
    assert head.split()[:5] == ["recording", "start", "end", "emotion", "posterior"]
    assert "remark" not in head
    assert line.startswith(str(recordings / "a.wav"))
    assert "UAR on unseen speakers: not measured" in err


def test_a_folder_is_searched_to_any_depth(run, svm_folder, recordings):
    status, out, _ = run("predict", "--model", svm_folder, "--format", "json", recordings)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["recording"] for row in rows] == [
        os.path.join(recordings, name) for name in ("a.wav", "b.wav", "c.wav", "below/d.wav")
    ]
    assert all(row["model"].startswith("small_svm ") for row in rows)


def test_a_bad_file_among_good_ones_is_a_row_and_status_one(run, svm_folder, recordings):
    (recordings / "bad.wav").write_bytes(b"nothing")
    out = recordings / "out.csv"
    for _ in range(2):
        status, _, err = run("predict", "--model", svm_folder, recordings, "-o", out)
        table = pd.read_csv(out)
        assert status == 1
        assert "1 of 5 recordings could not be read" in err
        assert len(table) == 5
        assert table["emotion"].isna().sum() == 1
    assert "4 are there already" in err
    # It is tried again, and its row replaced.
    shutil.copy(recordings / "a.wav", recordings / "bad.wav")
    assert run("predict", "--model", svm_folder, recordings, "-o", out)[0] == 0
    assert len(pd.read_csv(out)) == 5
    assert pd.read_csv(out)["start"].notna().all()


def test_windows(run, svm_folder, recordings, speech):
    soundfile.write(recordings / "long.wav", speech[: 5 * 16000], 16000)
    command = ("predict", "--model", svm_folder, recordings, "--window", 4, "--hop", 1)
    status, out, err = run(*command, "--format", "csv")
    rows = pd.read_csv(pd.io.common.StringIO(out))
    of_long = rows[rows["recording"].str.endswith("long.wav")]
    assert status == 0
    assert of_long["start"].tolist() == [0, 1]
    assert of_long["end"].tolist() == [4, 5]
    assert "4 recordings are shorter than the window of 4 s" in err


@pytest.mark.parametrize(("seconds", "hop"), [(30, 1 / 3), (60, 0.3333)])
def test_a_file_of_windows_is_continued(seconds, hop, run, svm_folder, recordings):
    """A hop that is no whole number of samples is rounded, over the whole recording."""
    names = [recordings / name for name in ("silence.wav", "more.wav")]
    for name in names:
        soundfile.write(name, np.zeros(seconds * 16000), 16000)
    out = recordings / "out.csv"
    command = ("predict", "--model", svm_folder, "--window", 3, "--hop", hop, "-o", out)
    assert run(*command, *names)[0] == 0
    written = out.read_bytes()
    status, _, err = run(*command, *names)
    assert status == 0
    assert "2 are there already" in err
    assert out.read_bytes() == written
    # Other recordings are added to it, one command after the other.
    shutil.copy(names[0], recordings / "third.wav")
    assert run(*command, recordings / "third.wav")[0] == 0
    assert out.read_bytes().startswith(written)
    assert set(pd.read_csv(out)["recording"]) == {*map(str, names), str(recordings / "third.wav")}
    soundfile.write(names[0], np.zeros(17 * 16000), 16000)
    status, _, err = run(*command, *names)
    assert (status, "silence.wav, which is not as long as" in err) == (2, True)


def test_recordings_that_were_changed_after_their_rows_are_named(run, svm_folder, recordings):
    path, out = recordings / "silence.wav", recordings / "out.csv"
    soundfile.write(path, np.zeros(16000), 16000)
    command = ("predict", "--model", svm_folder, "-o", out, path)
    run(*command)
    assert "changed after it" not in run(*command)[2]
    soundfile.write(path, np.full(16000, 0.1), 16000)
    os.utime(path, (out.stat().st_mtime + 2,) * 2)
    status, _, err = run(*command)
    assert (status, f"1 of these recordings were changed after it, the first is {path}" in err) == (
        0,
        True,
    )


def test_a_long_recording_is_continued_at_its_window(
    run, svm_folder, recordings, speech, monkeypatch
):
    monkeypatch.setattr("ser_lib.recognition.recogniser._PIECES", 8)
    names = [recordings / name for name in ("a.wav", "long.wav", "z.wav")]
    for name, seconds in zip(names, (4, 75, 4), strict=True):
        soundfile.write(name, np.resize(speech, seconds * 16000), 16000)
    command = ("predict", "--model", svm_folder, "--window", 3, "--hop", 1, "-o")
    assert run(*command, recordings / "whole.csv", *names)[0] == 0
    whole = (recordings / "whole.csv").read_bytes()
    added, add = [], RowFile.add

    def interrupted(self, rows):
        if len(added) == 4:
            raise KeyboardInterrupt
        added.append(rows)
        add(self, rows)

    with monkeypatch.context() as patched:
        patched.setattr(RowFile, "add", interrupted)
        run(*command, recordings / "out.csv", *names)
    begun = (recordings / "out.csv").read_bytes()
    assert 10 < begun.count(b"\n") < 40
    assert whole.startswith(begun)
    status, _, err = run(*command, recordings / "out.csv", *names)
    assert (status, "1 are there already" in err) == (0, True)
    assert (recordings / "out.csv").read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{empty}"], "no recordings in this folder"),
        (["{a}", "--hop", "1"], "--hop without --window"),
        (["{a}", "--window", "2", "--hop", "0"], "hop is 0 s"),
        (["{a}", "--window", "99"], "window is 99 s"),
        (["{a}", "-o", "{a}"], "a.wav: a file called .wav is not written; expected .csv"),
        (["{a}", "-o", "{a}", "--format", "csv"], "a.wav: exists and holds other columns"),
        (["{a}", "-o", "{notes}"], "notes.txt: exists and holds other columns"),
        (["{a}", "-o", "x.csv", "--format", "table"], "unknown format of a file 'table'"),
        (["{a}", "--model", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_line_and_status_two(arguments, message, run, svm_folder, recordings):
    (recordings / "empty").mkdir()
    files = {"a": recordings / "a.wav", "notes": recordings / "notes.txt"}
    before = {name: path.read_bytes() for name, path in files.items()}
    places = files | {"empty": recordings / "empty"}
    arguments = [argument.format(**places) for argument in arguments]
    status, out, err = run("predict", "--model", svm_folder, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("ser: error: ")
    assert message in err
    assert {name: path.read_bytes() for name, path in files.items()} == before


@pytest.mark.slow
def test_interrupted_and_killed_runs_go_on_where_they_stopped(svm_folder, recordings, speech):
    for n in range(150):
        soundfile.write(recordings / f"more_{n:03}.wav", speech[n * 100 :][:6000], 16000)
    command = [sys.executable, "-m", "ser_lib.cli", "predict", "--model", str(svm_folder)]
    command += [str(recordings), "-o"]
    whole, out = recordings / "whole.csv", recordings / "out.csv"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    for how in (signal.SIGINT, signal.SIGKILL):
        size = out.stat().st_size if out.exists() else 0
        process = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL)
        while process.poll() is None and (not out.exists() or out.stat().st_size <= size + 200):
            time.sleep(0.002)
        process.send_signal(how)
        process.wait(60)
        # Whole rows, and only such.
        assert out.read_bytes() == whole.read_bytes()[: out.stat().st_size]
        assert out.read_bytes().endswith(b"\n")
    subprocess.run([*command, str(out)], check=True, capture_output=True)
    assert out.read_bytes() == whole.read_bytes()


def test_training_refuses_before_it_begins(run, tmp_path, recordings):
    (recordings / "manifest.csv").write_text("path,emotion\na.wav,anger\nb.wav,fear\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    for arguments, message in (
        (["svn", "-o", tmp_path / "m"], "unknown system 'svn'; did you mean 'svm'?"),
        (["svm", "-o", tmp_path / "there"], "there exists already"),
        (["svm", "-o", tmp_path / "file" / "m"], "file: is no folder; expected one"),
        (["svm", "-o", tmp_path / "m", "-p", "alfa", "1"], "unknown parameter of svm 'alfa'"),
        (["svm", "-o", tmp_path / "m", "-p", "alpha", "2"], "alpha is 2"),
        (["svm", "-o", tmp_path / "m", "--corpus", "emobd"], "unknown corpus 'emobd'"),
    ):
        known = [] if "--corpus" in arguments else ["--corpus", "folder", "--data", recordings]
        status, _, err = run("train", *arguments, *known)
        assert status == 2
        assert message in err
    assert not (tmp_path / "m").exists()


@pytest.mark.filterwarnings("ignore:handled among")
def test_from_own_recordings_to_predictions_in_two_commands(run, tmp_path, corpus):
    """Speakers are not known, some recordings hold no speech, and one emotion is rare."""
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = ["path,emotion"]
    table = corpus.table[corpus.table["emotion"].isin(["anger", "sadness"])]
    for i, (path, emotion) in enumerate(zip(table["path"], table["emotion"], strict=True)):
        signal, rate = soundfile.read(path)
        soundfile.write(folder / f"{i}.flac", signal[: 2 * rate], rate)
        rows.append(f"{i}.flac,{emotion}")
    soundfile.write(folder / "silence.flac", np.zeros(16000), 16000)
    rows.append("silence.flac,sadness")
    (folder / "manifest.csv").write_text("\n".join(rows))
    model = tmp_path / "model"
    command = ("train", "svm", "--corpus", "folder", "--data", folder, "-o", model)
    status, out, _ = run(*command, "-p", "components", 2, "-p", "alpha", 1.0, "-p", "folds", 2)
    assert status == 0
    assert "anger, sadness" in out
    card = (model / "README.md").read_text()
    assert "unknown speakers" in card
    assert "None, as no speakers could be held out (the speakers of the corpus are" in card
    status, out, _ = run("predict", "--model", model, folder, "--format", "csv")
    predicted = pd.read_csv(pd.io.common.StringIO(out))
    assert status == 0
    assert set(predicted["emotion"].dropna()) <= {"anger", "sadness"}
    assert predicted["remark"].tolist().count("no speech") == 1

"""The file of results: whole rows at any time, and continued only where it fits."""

import json
import os
import threading

import numpy as np
import pandas as pd
import pytest

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.recognition import output
from ser_lib.recognition.output import RowFile, format_of, line_of, one_line
from ser_lib.recognition.reading import pieces_of

COLUMNS = ("recording", "start", "end", "emotion", "posterior", "remark", "model")


def row(name, start=0.0, end=2.0, model="m 1", **values):
    values = {"emotion": "anger", "posterior": 0.9, "remark": ""} | values
    row = {"recording": name, "start": start, "end": end, "model": model} | values
    return {column: row[column] for column in COLUMNS}


def opened(path, form="csv", *, window=None, hop=None, rate=16000, recordings=(), **options):
    options = {"columns": COLUMNS, "model": "m 1"} | options
    return RowFile(
        path, form, **options, window=window, hop=hop, sample_rate=rate, recordings=recordings
    )


@pytest.fixture
def seconds(monkeypatch):
    """How long recordings are, by their names; others are not there."""
    known = {}
    monkeypatch.setattr(output, "seconds_of", lambda name: known.get(name, float("nan")))
    return known


@pytest.mark.parametrize("form", ["csv", "json"])
def test_rows_are_read_as_they_were_written(form, tmp_path):
    path = tmp_path / "new" / "out"
    odd = row('a, "b".wav', remark="it's", emotion=None, posterior=float("nan"))
    with opened(path, form) as file:
        file.add([odd])
        file.add([row("ü/c.wav")])
    if form == "csv":
        table = pd.read_csv(path)
        assert table["posterior"].isna().tolist() == [True, False]
    else:
        table = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
        assert table["posterior"].tolist()[1] == 0.9
        assert json.loads(path.read_text().splitlines()[0])["posterior"] is None
    assert list(table.columns) == list(COLUMNS)
    assert table["recording"].tolist() == ['a, "b".wav', "ü/c.wav"]
    assert table["emotion"].isna().tolist() == [True, False]


def test_a_file_is_written_by_one_process_at_a_time(tmp_path, capsys, monkeypatch):
    path, seen, waits = tmp_path / "out", [], threading.Event()
    lock = paths.lock

    def locked(descriptor, *, wait=False):
        if wait:
            waits.set()
        return lock(descriptor, wait=wait)

    monkeypatch.setattr(paths, "lock", locked)

    def write():
        with opened(path, recordings=["a.wav", "b.wav"]) as file:
            seen.append(file.waiting)

    with opened(path) as file:
        other = threading.Thread(target=write)
        other.start()
        assert waits.wait(60)
        file.add([row("a.wav")])
        assert not seen
    other.join()
    assert seen == [["b.wav"]]
    assert capsys.readouterr().err == f"{path}: another process writes it; waiting\n"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_is_continued_after_any_interruption(form, tmp_path):
    path, names = tmp_path / "out", ['ü, "a\\b".wav', "b,.wav", "c.wav"]
    with opened(path, form) as file:
        for name in names:
            file.add([row(name, posterior=1e-06, emotion=None)])
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with opened(path, form, recordings=names) as file:
            assert file.waiting == names[len(names) - len(file.waiting) :]
            for name in file.waiting:
                file.add([row(name, posterior=1e-06, emotion=None)])
        assert path.read_bytes() == whole, f"after {length} of {len(whole)} bytes"


def windows(name):
    return [row(name, 0.0, 3.0), row(name, 1.0, 4.0), row(name, 1.5, 4.5)]


def test_the_last_of_several_windows_may_be_lost_and_is_made_again(tmp_path, seconds):
    path = tmp_path / "out"
    seconds |= {"a.wav": 4.5, "b.wav": 4.5}
    with opened(path, window=3, hop=1) as file:
        for name in ("a.wav", "b.wav"):
            file.add(windows(name))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with opened(path, window=3, hop=1, recordings=["b.wav", "a.wav"]) as file:
            begun = file.begun
            assert begun == max(0, whole.count(b"\n", 0, length) - 1) % 3
            for name in file.waiting:
                file.add(windows(name)[begun:])
                begun = 0
        assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_recording_that_cannot_be_read_to_its_end_has_one_row(tmp_path):
    path = tmp_path / "out"
    with opened(path, window=3, hop=1) as file:
        file.add(windows("a.wav"))
        file.add(windows("b.wav")[:2])
        file.add(windows("b.wav")[2:])
        file.add([row("b.wav", None, None, emotion=None, remark="is damaged")])
        file.add(windows("c.wav"))
    names = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    assert names == ["a.wav"] * 3 + ["b.wav"] + ["c.wav"] * 3


def test_windows_in_between_that_are_not_all_there_are_made_again(tmp_path, seconds):
    path = tmp_path / "out"
    seconds |= {"a.wav": 4.5, "b.wav": 4.5}
    with opened(path, window=3, hop=1) as file:
        file.add(windows("a.wav")[:2])
        file.add(windows("b.wav")[:2])
    with opened(path, window=3, hop=1, recordings=["a.wav", "b.wav"]) as file:
        assert (file.waiting, file.begun) == (["b.wav", "a.wav"], 2)
        file.add(windows("b.wav")[2:])
        file.add(windows("a.wav"))
    names = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    assert names == ["b.wav"] * 3 + ["a.wav"] * 3


@pytest.mark.parametrize("options", [{}, {"window": 3, "hop": 1}])
def test_rows_of_other_recordings_stay(options, tmp_path, seconds):
    path = tmp_path / "out"
    for name in ("a.wav", "b.wav", "c.wav"):
        seconds[name] = 4.5
        with opened(path, **options, recordings=[name]) as file:
            assert file.waiting == [name]
            file.add(windows(name) if options else [row(name, end=4.5)])
    whole = path.read_bytes()
    assert whole.count(b"\n") == 1 + (9 if options else 3)
    # Those that are not there any more stay as well.
    seconds.clear()
    with opened(path, **options, recordings=["c.wav", "b.wav"]) as file:
        assert file.waiting == []
    assert path.read_bytes() == whole


@pytest.mark.parametrize(("options", "now"), [({}, 4.49), ({"window": 3, "hop": 1}, 7.2)])
def test_another_recording_of_the_same_name_is_refused(options, now, tmp_path, seconds):
    path = tmp_path / "out"
    seconds |= {"a.wav": 4.5, "b.wav": 4.5}
    with opened(path, **options) as file:
        for name in seconds:
            file.add(windows(name) if options else [row(name, end=4.5)])
    before = path.read_bytes()
    # A resampled recording may be a few samples longer.
    seconds["a.wav"] = 4.501
    assert opened(path, **options, recordings=["a.wav"]).waiting == []
    seconds["a.wav"] = now
    with pytest.raises(InputError, match=r"out: holds rows of a\.wav, which is not as long as"):
        opened(path, **options, recordings=["a.wav", "b.wav"])
    assert path.read_bytes() == before
    assert opened(path, **options, recordings=["b.wav"]).waiting == []


@pytest.mark.parametrize(
    ("rate", "window", "hop"),
    [(16000, 3, 1 / 3), (16000, 3, 0.3333), (22050, 3, 0.25), (8000, 0.04, 0.0251)],
)
def test_windows_that_begin_between_samples_are_continued(rate, window, hop, tmp_path, seconds):
    """Their times are whole samples and written with three decimals: neither is the hop."""
    path = tmp_path / "out"
    for samples in rate * 15 + np.arange(2 * rate // 1000):
        rows = pieces_of([np.zeros(samples, "float32")], rate, window, hop)
        rows = [row("a.wav", round(start, 3), round(end, 3)) for start, end, _ in rows]
        path.unlink(missing_ok=True)
        with opened(path, window=window, hop=hop, rate=rate) as file:
            for name in ("a.wav", "b.wav"):
                file.add([{**each, "recording": name} for each in rows])
        seconds |= {"a.wav": samples / rate, "b.wav": samples / rate}
        with opened(path, window=window, hop=hop, rate=rate, recordings=[*seconds]) as file:
            assert file.waiting == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"model": "n 1"}, "rows of another model"),
        ({"model": "m 2"}, "rows of m as it was before it was trained again, or scaled by other"),
        ({"columns": COLUMNS[1:]}, "other columns"),
        ({"form": "json"}, "other rows"),
        ({"window": 2, "hop": 1}, "rows of other windows"),
        ({"window": 3, "hop": 2}, "rows of other windows"),
        ({}, "rows of other windows"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(options, found, tmp_path):
    path = tmp_path / "out"
    with opened(path, window=3, hop=1) as file:
        file.add(windows("a.wav"))
        file.add(windows("b.wav"))
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"out: exists and holds {found}"):
        opened(path, **options)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        *(b"RIFF....WAVE\n", b"\xff\xfe\n\n", b"a,b\n1,2\n"),
        # No line is complete.
        *(b"my only copy", b"old\r", b"{}", b"[", b"\xef", b'"recording', b"recordings"),
        *(b'{"my": "only copy"}', b'{"recording": "a.wav"}', b'{"recording": "a.wav", "label": "'),
        *(b'{"recording": ["a.wav', b'{"recording": "a", "start": 0.0, "start": 0.0'),
    ],
)
def test_a_file_that_is_no_result_is_left_alone(content, tmp_path):
    path = tmp_path / "precious.wav"
    path.write_bytes(content)
    for form in ("csv", "json"):
        with pytest.raises(InputError, match=r"precious\.wav: exists and holds"):
            opened(path, form)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"model": "n 1"}, "rows of another model"),
        ({"window": 2.5}, "rows of other windows"),
        ({"hop": 0.5}, "rows of other windows"),
    ],
)
def test_the_windows_of_a_single_recording_are_not_made_again_by_another_command(
    options, found, tmp_path
):
    path = tmp_path / "out"
    with opened(path, window=3, hop=1) as file:
        file.add(windows("a.wav"))
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"out: exists and holds {found}"):
        opened(path, **{"window": 3, "hop": 1} | options)
    assert path.read_bytes() == before


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_could_not_be_read_is_tried_again(form, tmp_path):
    path = tmp_path / "out"
    with opened(path, form) as file:
        for name in ("bad.wav", "worse.wav"):
            file.add([row(name, None, None, emotion=None, remark="cannot be decoded")])
        file.add([row("good.wav")])
    before = path.read_text().splitlines()
    with opened(path, form, recordings=["good.wav", "bad.wav"]) as file:
        assert file.waiting == ["bad.wav"]
        assert path.read_text().splitlines() == [line for line in before if "bad" not in line]
        file.add([row("bad.wav")])
    assert len(path.read_text().splitlines()) == len(before)
    assert os.listdir(tmp_path) == ["out"]
    # A link stays one.
    os.symlink(path, tmp_path / "link")
    opened(tmp_path / "link", form, recordings=["worse.wav"])
    assert (tmp_path / "link").is_symlink()
    assert len(path.read_text().splitlines()) == len(before) - 1


def test_a_full_disk_leaves_whole_rows_and_an_error(tmp_path):
    path = tmp_path / "out"
    file = opened(path)
    file.add([row("a.wav")])
    before = path.read_bytes()

    class Full:
        """A disk with room for ten more bytes."""

        def __init__(self, real):
            self.real, self.truncate, self.close = real, real.truncate, real.close

        def write(self, data):
            return self.real.write(data[:10])

    file._file = Full(file._file)
    with file, pytest.raises(InputError, match=r"out: cannot be written \(no space left\)"):
        file.add([row("b.wav")])
    assert path.read_bytes() == before


def test_an_unwritable_place_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        opened(tmp_path / "file" / "out.csv")
    with pytest.raises(InputError, match="cannot be written"):
        opened(tmp_path)
    with pytest.raises(InputError, match=r"cannot be written \(is no file\)"):
        # A device that may never end.
        opened(os.devnull)


def test_a_name_is_one_line_that_utf8_can_hold():
    name = os.fsdecode(b"a\nb\r\x1b[31m\xff.wav")
    shown = one_line(name)
    assert shown.isprintable()
    assert "\\n" in shown
    assert line_of({"recording": name}, "csv").count("\n") == 1
    assert json.loads(line_of({"recording": name}, "json"))["recording"] == shown


NAMES = [
    *(
        "new\nline.wav",
        "new\\nline.wav",
        "new\\\\nline.wav",
        "new\\\nline.wav",
        "a\\b.wav",
        "a\\\\b.wav",
    ),
    *(
        "\x1b",
        "\\x1b",
        "\u2028",
        "\\u2028",
        "\udcff",
        "\\udcff",
        "\\U0001f600",
        "\U000e0001",
        "\\U000e0001",
    ),
    *("plain name.wav", "\\", "\\\\", "\n\\", "\n\\\\", ""),
]


def test_no_two_names_are_written_alike():
    written = [one_line(name) for name in NAMES]
    assert len(set(written)) == len(NAMES)
    assert "".join(written).isprintable()
    for name in ("plain name.wav", "ü/é 😀.wav", "a\\b.wav", "C:\\speech", "it's", ""):
        assert one_line(name) == name
    random = np.random.default_rng(0)
    texts = {"".join(random.choice(list("\\\nnx1b"), 6)) for _ in range(5000)}
    assert len({one_line(text) for text in texts}) == len(texts)


def test_where_backslashes_part_folders_they_stay(monkeypatch):
    monkeypatch.setattr("os.sep", "\\")
    assert one_line("C:\\new\\take\u2028.wav") == "C:\\new\\take\\u2028.wav"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_name_with_a_line_break_is_not_one_with_a_backslash(form, tmp_path):
    path, names = tmp_path / "out", ["new\nline.wav", "new\\nline.wav"]
    for number, name in enumerate(names):
        with opened(path, form, recordings=names) as file:
            assert file.waiting == names[number:]
            file.add([row(name)])
    assert opened(path, form, recordings=names).waiting == []


def test_the_format_of_a_file(tmp_path):
    assert format_of(tmp_path / "a.csv", None) == "csv"
    assert format_of(tmp_path / "a.txt", None) == "csv"
    assert format_of(tmp_path / "a.jsonl", None) == "json"
    assert format_of(tmp_path / "a.json", "csv") == "csv"
    assert format_of(tmp_path / "a.xlsx", "csv") == "csv"
    with pytest.raises(InputError, match=r"a file called \.xlsx is not written; expected \.csv, "):
        format_of(tmp_path / "a.xlsx", None)
    with pytest.raises(InputError, match="unknown format of a file 'table'"):
        format_of(tmp_path / "a.csv", "table")

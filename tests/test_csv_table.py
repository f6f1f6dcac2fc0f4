"""Tables as people and spreadsheets save them: read as what they mean, or refused with the row."""

import contextlib
import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.csv_table import read_csv, two_spellings
from ser_lib.errors import InputError

NAMES = {"path": ("file",), "speaker": ("spk", "speaker_id")}


@pytest.fixture
def read(tmp_path):
    """Read a text or bytes as a table."""

    def read(content, names=NAMES):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, names)

    return read


# Of each form its content; all mean one table.
FORMS = {
    "plain": 'path,speaker,text\na.wav,03,"oh, no"\nb.wav,NA,\n',
    "semicolons": "path;speaker;text\na.wav;03;oh, no\nb.wav;NA;\n",
    "tabs": "path\tspeaker\ttext\na.wav\t03\toh, no\nb.wav\tNA\t\n",
    "bars": "path|speaker|text\na.wav|03|oh, no\nb.wav|NA|\n",
    "spaces": 'path , speaker,text\n a.wav, 03 , "oh, no"\nb.wav,NA, \n',
    "comma at the end of every row": 'path,speaker,text\na.wav,03,"oh, no",\nb.wav,NA,,\n',
    "also of the first": 'path,speaker,text,,\na.wav,03,"oh, no",,\nb.wav,NA,,,\n',
    "capitals": 'Path,SPEAKER,text\na.wav,03,"oh, no"\nb.wav,NA,\n',
    "other names": 'File,Speaker ID,text\na.wav,03,"oh, no"\nb.wav,NA,\n',
    "empty rows": '\npath,speaker,text\n\na.wav,03,"oh, no"\n,,\nb.wav,NA,\n,,\n',
    "Windows": 'path,speaker,text\r\na.wav,03,"oh, no"\r\nb.wav,NA,\r\n',
    "old Macintosh": 'path,speaker,text\ra.wav,03,"oh, no"\rb.wav,NA,\r',
    "no end": 'path,speaker,text\na.wav,03,"oh, no"\nb.wav,NA,',
    "mark": '\ufeffpath,speaker,text\na.wav,03,"oh, no"\nb.wav,NA,\n',
    "Excel's delimiter": "sep=;\r\npath;speaker;text\r\na.wav;03;oh, no\r\nb.wav;NA;\r\n",
    "Unicode text": "path\tspeaker\ttext\r\na.wav\t03\toh, no\r\nb.wav\tNA\t\r\n".encode("utf-16"),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_the_form_the_table_is_the_same(form, read):
    table = read(FORMS[form])
    assert list(table.columns) == ["path", "speaker", "text"]
    assert table.to_numpy().tolist() == [["a.wav", "03", "oh, no"], ["b.wav", "NA", ""]]


def test_rows_are_numbered_as_spreadsheets_number_them(read):
    assert list(read("path\na\n\nb\n").index) == [2, 4]
    assert list(read("sep=,\npath\na\n").index) == [3]


def test_a_column_that_is_there_is_not_another_one(read):
    assert list(read("path,file,spk\na,b,c\n").columns) == ["path", "file", "speaker"]


def test_a_column_without_name_is_kept_as_pandas_writes_its_index(read):
    assert list(read(",path\n0,a\n1,b\n").columns) == ["Unnamed: 0", "path"]


def test_an_empty_file_is_a_table_without_columns(read):
    for content in ("", "\n\n", b"\xef\xbb\xbf"):
        assert read(content).columns.empty


# Of each table what the error says.
REFUSED = {
    "path,text\na,oh no, really\n": "row 2 has 3 cells; expected 2, one for each of path, text",
    "path,text\na,x\nb,oh no, really,\n": "row 3 has 4 cells",
    # A comma at the end of one row alone may be one in a text.
    "path,text,remark\na,x,y\nb,oh no, really,\n": "row 3 has 4 cells; expected 3",
    "path,text,\na,oh no, really\nb,x,\n": "row 2 has 3 cells; expected 2",
    "path,text\na\n": "row 2 has 1 cells; expected 2",
    "path,path\na,b\n": "the column path is there twice",
    "path, Path \na,b\n": "the column path is there twice",
    "text,path,text\na,b,c\n": "the column text is there twice",
    "file,spk,speaker_id\na,b,c\n": "the columns 'spk' and 'speaker_id' may both be the speaker",
    'path,text\na,"oh no\nb,really\n': "cannot be read as CSV",
    'path,text,more\na,x,"oh\nb,y,z\nc,z,"\n': "cell 3 of row 2 goes on over 2 more lines, 'b,y,z'",
    'path,text\na,x\nb,"oh" no\n': "cannot be read as CSV: row 3, or a quote before it",
    b"path,text\na,\xe4\n": re.escape("in UTF-8 (line 2"),
    b"path,text\na,\0\n": "line 2 has a zero byte",
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_may_mean_two_things_is_refused_with_the_row(content, read):
    with pytest.raises(InputError, match=f"table.csv: .*{REFUSED[content]}"):
        read(content)


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        read_csv(tmp_path / "nowhere.csv", NAMES)
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read"):
        read_csv(tmp_path, NAMES)
    with pytest.raises(InputError, match="the split file: there is no such"):
        read_csv(tmp_path / "nowhere.csv", NAMES, where="the split file")


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=8)
QUIET = {"derandomize": True, "deadline": None, "database": None, "max_examples": 100}


@given(
    st.lists(st.tuples(CELL, CELL, CELL).filter(lambda row: any(map(str.strip, row))), min_size=1),
    st.sampled_from(",;\t|"),
    st.sampled_from(("\n", "\r\n", "\r")),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
)
@settings(**QUIET)
def test_every_table_that_python_writes_is_read_back(tmp_path_factory, rows, delimiter, end, code):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("path", "speaker", "text"), *rows])
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(text.getvalue().encode(code))
    expected = [[cell.strip() for cell in row] for row in rows]
    assert read_csv(path, NAMES).to_numpy().tolist() == expected


@given(st.one_of(st.binary(max_size=80), st.text('path,;"\t\r\n sepkr=a0\ufeff', max_size=80)))
@settings(**QUIET)
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with contextlib.suppress(InputError):
        assert isinstance(read_csv(path, NAMES), pd.DataFrame)


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("Ann", "ann", "ben"), [("Ann", "ann")]),
        (("3", "03", "30", "003"), [("003", "03"), ("003", "3")]),
        (("s01", "s1", "s10"), [("s01", "s1")]),
        (("Zo\u00eb", "Zoe\u0308"), [("Zoe\u0308", "Zo\u00eb")]),
        (("fold 1", "fold_1", "fold1"), [("fold 1", "fold1"), ("fold 1", "fold_1")]),
        (("0", "00", "1", "10", "1.0", "a", "b"), [("0", "00")]),
        (("1-11", "11-1", "111", "1.05", "1.5", "1_11", "0-1", "01"), [("1-11", "1_11")]),
    ],
)
def test_names_in_two_spellings(names, pairs):
    assert two_spellings(names) == pairs

"""What holds for every corpus."""

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys

import pytest
import soundfile
from tiny_corpora import change_one_sample, write_recording

from ser_lib import corpora
from ser_lib.errors import InputError

CONSTANTS = ["NAME", "TITLE", "VERSION", "LICENCE", "BIBTEX", "REMOTES", "HOW_TO_GET", "PROTOCOL"]


@pytest.fixture(params=corpora.names())
def module(request):
    return corpora.get(request.param)


def test_a_module_defines_the_same_constants_in_the_same_order(module):
    tree = ast.parse(inspect.getsource(module))
    assigned = [n.targets[0].id for n in tree.body if isinstance(n, ast.Assign)]
    assert [name for name in assigned if name in CONSTANTS] == CONSTANTS


def test_a_corpus_is_called_like_its_module_and_says_what_to_cite(module):
    assert module.__name__ == f"ser_lib.corpora.{module.NAME}"
    assert re.match(r"@\w+\{[\w:-]+,\n", module.BIBTEX)
    assert module.BIBTEX.count("{") == module.BIBTEX.count("}")
    assert {"title"} <= set(re.findall(r"^ +(\w+) +=", module.BIBTEX, re.MULTILINE))
    assert all((module.TITLE, module.VERSION, module.LICENCE, module.HOW_TO_GET, module.PROTOCOL))
    for remote in module.REMOTES:
        assert remote.url.startswith("https://")
        assert remote.url.endswith(remote.filename)


def test_options_are_keyword_only(module):
    first, *options = inspect.signature(module.load).parameters.values()
    assert first.name == "data"
    assert all(option.kind is option.KEYWORD_ONLY for option in options)


def test_names_are_known_without_importing_a_corpus():
    code = (
        "import sys; from ser_lib import corpora; print(corpora.names()); "
        "loaded = {f'ser_lib.corpora.{name}' for name in corpora.names()} | {'tensorflow', 'pooch'}"
        "; sys.exit(str(loaded & set(sys.modules)) if loaded & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "emodb" in done.stdout


def test_the_table(tree):
    table = tree.load().table
    assert tuple(table.columns[: len(corpora.COLUMNS)]) == corpora.COLUMNS
    assert table.index.name == "utterance"
    assert table.index.is_unique
    assert list(table.index) == sorted(table.index)
    assert all(os.path.isabs(path) and os.path.isfile(path) for path in table["path"])
    assert set(table["emotion"]) <= set(corpora.EMOTIONS)
    assert set(table["sex"].dropna()) <= {"female", "male"}
    for column in corpora.COLUMNS:
        assert all(type(value) is str or value is None for value in table[column])


def test_what_is_said_of_the_corpus(tree):
    corpus, module = tree.load(), corpora.get(tree.name)
    described = (corpus.name, corpus.title, corpus.version, corpus.licence, corpus.citation)
    constants = (module.NAME, module.TITLE, module.VERSION, module.LICENCE, module.BIBTEX)
    assert described == constants
    assert (corpus.remotes, corpus.protocol) == (module.REMOTES, module.PROTOCOL)
    assert f"{len(corpus.table)} utterances" in repr(corpus)
    assert set(corpus.classes) == set(corpus.table["emotion"])
    assert list(corpus.classes) == sorted(corpus.classes, key=corpora.EMOTIONS.index)
    assert list(corpus.speakers) == sorted(set(corpus.table["speaker"].dropna()))


def test_a_loaded_corpus_is_loaded_again_as_it_is(tree):
    corpus = tree.load()
    assert corpora.load_corpus(corpus, data="nowhere", subset="all") is corpus


def test_the_fingerprint_does_not_depend_on_where_it_lies_or_in_what_container(tree, tmp_path):
    before = tree.load().fingerprint
    assert re.fullmatch("[0-9a-f]{64}", before)
    tree.data = shutil.move(tree.data, tmp_path / "elsewhere")
    assert tree.load().fingerprint == before
    for path in tree.files:
        samples, rate = soundfile.read(path, dtype="int16")
        soundfile.write(path.with_suffix(".flac"), samples, rate)
        path.unlink()
    if tree.name == "folder":
        manifest = tree.data / "manifest.csv"
        manifest.write_text(manifest.read_text().replace(".wav", ".flac"))
    assert tree.load().fingerprint == before


def test_the_fingerprint_tells_a_changed_sample_and_a_changed_label(tree):
    corpus = tree.load()
    before = corpus.fingerprint
    emotion = corpus.classes[0]
    assert corpus.relabel({emotion: "surprise"}).fingerprint != before
    assert corpus.select(f"emotion != '{emotion}'").fingerprint != before
    change_one_sample(corpus.table["path"].iloc[0])
    assert corpus.fingerprint != before


def test_select_and_relabel_return_new_corpora_that_say_what_was_done(tree):
    corpus = tree.load()
    first, last = corpus.classes[0], corpus.classes[-1]
    some = corpus.select(emotion=[first, last])
    assert set(some.table["emotion"]) == {first, last}
    assert some.subset.endswith(f"emotion in {first}, {last}")
    renamed = some.relabel({first: "other"})
    assert set(renamed.table["emotion"]) == {"other", last}
    assert renamed.subset == f"{some.subset}; {first} -> other"
    assert (renamed.name, renamed.version) == (corpus.name, corpus.version)
    assert first in corpus.classes


def test_validate_names_what_is_wrong(tree):
    corpus = tree.load()
    gone, broken, changed = list(corpus.table.index[:3])
    os.unlink(corpus.table.at[gone, "path"])
    with open(corpus.table.at[broken, "path"], "wb") as file:
        file.write(b"RIFF but no sound")
    change_one_sample(corpus.table.at[changed, "path"])
    validation = corpus.validate()
    assert not validation.ok
    assert validation.missing == (gone,)
    assert validation.undecodable == (broken,)
    # Without published checksums alterations cannot be detected.
    published = corpus.reference is not None and corpus.reference["sha256"].notna().any()
    assert validation.altered == ((changed,) if published else ())
    assert f"1 missing: {gone}" in str(validation)
    assert f"1 undecodable: {broken}" in str(validation)


def test_validate_names_unexpected_files_only(tree):
    before = tree.load()
    validation = before.validate()
    assert validation.ok, str(validation)
    assert validation.checked >= len(before.table)
    write_recording(before.recordings.folder / "more/holiday.flac")
    validation = tree.load().validate()
    # A table of one's own may leave recordings out.
    own = before.reference is None
    assert validation.unexpected_files == (() if own else ("more/holiday.flac",))
    assert validation.unused_files == (("more/holiday.flac",) if own else ())
    assert validation.ok == own


def test_validate_looks_at_all_recordings_whatever_was_selected(tree):
    corpus = tree.load()
    first, second = corpus.table.index[:2]
    os.unlink(corpus.table.at[first, "path"])
    selected = corpus.select(f"utterance == {second!r}")
    assert selected.validate().missing == (first,)


def test_a_misspelt_option_is_refused(tree):
    with pytest.raises(InputError, match=f"unknown option of {tree.name} 'subsets'"):
        tree.load(subsets="all")

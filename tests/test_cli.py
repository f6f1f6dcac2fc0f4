"""`ser` says what is wrong in one line, and returns what a shell can act upon."""

import dataclasses
import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile
from test_imports import HEAVY

from ser_lib import cli, load_corpus, notebooks, paths, systems
from ser_lib.errors import InputWarning
from ser_lib.features import Frames, FrontEnd, LogMel, WithDeltas, extract
from ser_lib.notebook_execution import Failure
from ser_lib.signal import WhiteNoise


@pytest.fixture
def recordings(tmp_path):
    """Two recordings and their manifest."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, period in (("a", 9), ("b", 5)):
        soundfile.write(folder / f"{name}.wav", np.sin(np.arange(8000) / period) / 2, 16000)
    (folder / "manifest.csv").write_text("path,emotion\na.wav,anger\nb.wav,sadness\n")
    return folder


@pytest.fixture
def speakers(tmp_path):
    """Recordings of two emotions by each of three speakers, and their manifest."""
    folder = tmp_path / "speakers"
    folder.mkdir()
    rows = ["path,emotion,speaker"]
    for number, speaker in enumerate("abc"):
        for period, emotion in ((9, "anger"), (5, "sadness")):
            signal = np.sin(np.arange(8000) / (period + number)) / 2
            soundfile.write(folder / f"{speaker}_{emotion}.wav", signal, 16000)
            rows.append(f"{speaker}_{emotion}.wav,{emotion},{speaker}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def run(*arguments, capsys):
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from ser_lib import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"sys.exit(', '.join({HEAVY} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in (
        *("corpora", "fetch", "validate", "run", "evaluate", "tune", "train", "predict"),
        *("report", "cache"),
    ):
        assert f"    {command} " in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("ser_lib ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "emobd"], "unknown corpus 'emobd'; did you mean 'emodb'?"),
        (["fetch", "iemocap"], "https://sail.usc.edu/iemocap/"),
        (["run", "01_train_svn"], "unknown notebook '01_train_svn'"),
        (["run", "--corpus", "ravdes"], "unknown corpus 'ravdes'; did you mean 'ravdess'?"),
        (["tune", "smv"], "unknown system 'smv'; did you mean 'svm'?"),
        (["tune", "svm", "--corpus", "ravdes"], "did you mean 'ravdess'?"),
        (["run", "--jobs", "0"], "jobs is 0; expected an integer"),
        (["tune", "svm", "--scheduler", "tcp://127.0.0.1:1"], "tcp://127.0.0.1:1: no answer"),
        (["report"], "no predictions in it"),
        *[
            ([*command, "--corpus", "../outside"], "corpus '../outside': expected the name of one")
            for command in (["run", "09"], ["evaluate", "svm"], ["tune", "svm"], ["fuse", "svm"])
        ],
        (["fuse", "svm", "--name", "../x"], "name '../x': expected the name of one folder or file"),
        (["fuse", "svm", "--corpus", ".."], "corpus '..': expected the name of one folder or file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(arguments, message, capsys, tmp_path, monkeypatch):
    import nbformat

    monkeypatch.setattr("ser_lib.cluster.SECONDS_TO_ANSWER", 1)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("SER_NOTEBOOKS", str(tmp_path / "notebooks"))
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notebooks" / "01_train_svm.ipynb")
    code, _, err = run(*arguments, capsys=capsys)
    assert code == 2
    assert err.startswith("ser: error: ")
    assert message in err
    assert "Traceback" not in err
    assert not paths.reports().exists()


def test_validate_returns_whether_all_is_well(speakers, capsys):
    code, out, _ = run("validate", "folder", "--data", str(speakers), capsys=capsys)
    assert (code, "6 recordings checked" in out) == (0, True)
    (speakers / "c.wav").write_bytes(b"")
    code, out, _ = run("validate", "folder", "--data", str(speakers), capsys=capsys)
    assert (code, "1 not in the table, and not used: c.wav" in out) == (0, True)
    table = (speakers / "manifest.csv").read_text()
    (speakers / "manifest.csv").write_text(f"{table.strip()}\nc.wav,anger,a\n")
    code, out, _ = run("validate", "folder", "--data", str(speakers), capsys=capsys)
    assert (code, "1 undecodable: c" in out) == (1, True)


def test_validate_names_what_is_silent_and_what_is_there_twice(speakers, capsys):
    silence = np.zeros((3 * 2**19, 2))
    silence[-1] = 0.5, -0.5
    soundfile.write(speakers / "a_anger.wav", silence, 16000)
    for name in ("b_anger", "b_sadness"):
        soundfile.write(speakers / f"{name}.wav", np.sin(np.arange(8000) / 7), 16000)
    said = r"1 of 6 recordings .* same samples .* b_anger \(anger\) and b_sadness \(sadness\)"
    with pytest.warns(InputWarning, match=said):
        code, out, _ = run("validate", "folder", "--data", str(speakers), capsys=capsys)
    assert (code, "1 silent after averaging the channels: a_anger\n" in out) == (0, True)
    assert "2 channels, averaged to one: 1, the first a_anger\n" in out


def test_validate_says_what_it_understood(speakers, capsys):
    _, out, _ = run("validate", "folder", "--data", str(speakers), capsys=capsys)
    assert out.splitlines()[-2:] == [
        "6 utterances of 3 speakers: anger 3, sadness 3",
        "leave_one_speaker_out: 3 folds",
    ]


def _no_speakers(manifest):
    return "\n".join(line.rpartition(",")[0] for line in manifest.splitlines())


@pytest.mark.parametrize(
    ("change", "understood", "refusal"),
    [
        (_no_speakers, "6 utterances of unknown speakers: anger 3, sadness 3", "6 of 6 have none"),
        (lambda m: m.removesuffix("c"), "6 utterances of 3 speakers", "1 of 6 have none"),
        (lambda m: m.replace(",b", ",a").replace(",c", ",a"), "of 1 speakers", "at least 3 speak"),
        (lambda m: m.replace("sadness,", "anger,"), "anger 6", "needs at least two emotions"),
        (
            lambda m: m.replace(",anger,b", ",sadness,b").replace(",anger,c", ",sadness,c"),
            *("sadness 5", "no training row of anger"),
        ),
    ],
    ids=["no speakers", "one without", "one speaker", "one emotion", "class lacks"],
)
def test_validate_says_what_training_would_refuse(speakers, capsys, change, understood, refusal):
    manifest = speakers / "manifest.csv"
    manifest.write_text(change(manifest.read_text()))
    corpus = ["--data", str(speakers)]
    code, out, _ = run("validate", "folder", *corpus, capsys=capsys)
    *_, counts, last = out.splitlines()
    assert code == 1
    assert understood in counts
    prefix = "cannot be evaluated under leave_one_speaker_out: "
    assert last.startswith(f"{prefix}leave_one_speaker_out")
    assert refusal in last
    # In the very same words.
    command = ["evaluate", "majority", "--corpus", "folder", *corpus]
    code, _, err = run(*command, capsys=capsys)
    assert (code, err) == (2, f"ser: error: {last.removeprefix(prefix)}\n")


@pytest.mark.parametrize("name", ["rec ord", "rec ord/", "./rec ord"])
@pytest.mark.parametrize(
    "words",
    [
        *(["validate"], ["run", "01", "--corpus"], ["run", "01", "-p", "corpus"]),
        *(["evaluate", "svm", "--corpus"], ["tune", "svm", "--corpus"]),
        ["train", "svm", "-o", "model", "--corpus"],
    ],
    ids=" ".join,
)
def test_a_folder_in_the_place_of_a_corpus_is_understood(
    words, name, tmp_path, monkeypatch, capsys
):
    (tmp_path / "rec ord").mkdir()
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words, name, capsys=capsys)
    assert code == 2
    assert err.startswith(f"ser: error: unknown corpus {name!r}")
    assert f"--corpus folder --data '{name}', or ser validate folder --data '{name}'" in err
    assert sorted(tmp_path.iterdir()) == [tmp_path / "rec ord"]


WARNING = """
import warnings
from ser_lib import cli, commands
from ser_lib.errors import InputWarning
def command(_):
    warnings.warn("one channel is silent", InputWarning)
    warnings.warn("one channel is silent", InputWarning)
    warnings.warn("another kind")
    return 0
commands.list_systems = command
assert cli.main(["systems"]) == 0
warnings.warn("as ever", InputWarning)
"""


def test_what_was_unusual_is_said_in_one_line_each_once():
    # In a process of its own: pytest keeps warnings to itself.
    done = subprocess.run([sys.executable, "-c", WARNING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "ser: warning: one channel is silent",
        "<string>:8: UserWarning: another kind",
        "<string>:12: InputWarning: as ever",
    ]


def test_a_corpus_without_manifest_is_validated_by_a_pattern(speakers, capsys):
    (speakers / "manifest.csv").unlink()
    for path in speakers.iterdir():
        speaker, emotion = path.stem.split("_")
        path.rename(speakers / f"{emotion.replace('sadness', '0')}_{speaker}7.wav")
    command = ["validate", "folder", "--data", str(speakers)]
    assert run(*command, capsys=capsys)[0] == 2
    pattern = ["--corpus-option", "pattern", r"^(?P<emotion>\w+?)_(?P<speaker>\w+)$"]
    emotions = ["--corpus-option", "emotions", '{"0": "sadness"}']
    code, out, err = run(*command, *pattern, *emotions, capsys=capsys)
    assert (code, "6 recordings checked" in out) == (0, True), err
    code, _, err = run(*command, *pattern, *pattern, capsys=capsys)
    assert (code, "given twice" in err) == (2, True)
    code, _, err = run(*command, "--corpus-option", "patern", "x", capsys=capsys)
    assert (code, "did you mean 'pattern'" in err) == (2, True)


def test_every_command_that_loads_a_corpus_takes_its_options():
    for words in (
        *(["run"], ["evaluate", "svm"], ["tune", "svm"], ["train", "svm", "-o", "m"]),
        ["validate", "folder"],
    ):
        options = cli.parser().parse_args([*words, "--corpus-option", "manifest", "m.csv"])
        assert options.corpus_options == [["manifest", "m.csv"]]


def test_options_of_the_corpus_reach_the_notebooks_as_their_parameter(monkeypatch, capsys):
    given = []
    monkeypatch.setattr(notebooks, "run_notebooks", lambda names, **o: given.append(o) or [])
    option = ["--corpus-option", "pattern", r"(?P<emotion>\w+)"]
    assert run("run", "01", *option, capsys=capsys)[0] == 0
    assert given[0]["parameters"] == [["corpus_options", r'{"pattern": "(?P<emotion>\\w+)"}']]
    code, _, err = run("run", "01", *option, "-p", "corpus_options", "{}", capsys=capsys)
    assert (code, "expected one of them" in err) == (2, True)


def test_options_of_the_corpus_are_refused_by_their_names_where_no_notebook_loads_one(capsys):
    option = ["--corpus-option", "emotions", '{"Wut": "anger"}']
    code, _, err = run("run", "09", *option, "--corpus", "folder", capsys=capsys)
    assert code == 2
    assert err == (
        "ser: error: --corpus-option emotions: no use in 09_compare_systems, where no corpus is "
        "loaded; expected no options of it\n"
    )


def test_corpora_lists_what_is_found(recordings, capsys):
    code, out, _ = run("corpora", "--data", str(recordings), capsys=capsys)
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert {"emodb", "ravdess", "iemocap", "folder"} <= set(lines)
    assert lines["folder"].split()[1] == "2"
    assert "ser fetch emodb" in lines["emodb"]


def test_systems_lists_parameters_with_defaults_originals_and_meaning(capsys):
    code, out, _ = run("systems", capsys=capsys)
    assert code == 0
    for name in systems.names():
        assert f"{name}: {systems.get(name).title}" in out
    (line,) = [line for line in out.splitlines() if line.split()[:1] == ["sex_labels"]]
    assert line.split()[1:4] == ["False", "True", "Whether"]
    _, out, _ = run("systems", "3d_acrnn", capsys=capsys)
    assert out.startswith("acrnn_3d: ")
    assert "svm" not in out


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_cache_names_features_by_corpus_and_front_end_and_clears_some(cache, recordings, capsys):
    assert run("cache", capsys=capsys)[0] == 0
    corpus = load_corpus("folder", data=recordings)
    mel = FrontEnd(analysis=WithDeltas(analysis=LogMel()), segmentation=Frames())
    noisy = dataclasses.replace(mel, preprocessing=(WhiteNoise(snr=20),))
    extract(corpus, [mel, noisy])
    (cache / "features" / f"{'a' * 64}.partial").mkdir()
    _, out, _ = run("cache", capsys=capsys)
    lines = [line.split() for line in out.splitlines()]
    assert ["features", "folder", "WithDeltas(LogMel),", "Frames"] in [x[:4] for x in lines]
    assert any(line[:3] == ["features", "folder", "WhiteNoise,"] for line in lines)
    assert ["features", "unfinished", "0", "0.0"] in lines
    code, _, err = run("cache", "--clear", "emodb", capsys=capsys)
    assert code == 2
    assert "unknown part of the cache or corpus in it 'emodb'" in err
    _, out, _ = run("cache", "--clear", "folder", capsys=capsys)
    assert "cleared" in out
    _, out, _ = run("cache", "features", capsys=capsys)
    assert "LogMel" not in out
    assert "unfinished" in out
    run("cache", "--clear", capsys=capsys)
    assert not (cache / "features").exists()


def test_a_folder_that_is_no_cache_is_not_cleared(cache, capsys):
    (cache / "features").mkdir(parents=True)
    (cache / "thesis.tex").write_text("years of work")
    code, _, err = run("cache", "--clear", capsys=capsys)
    assert code == 2
    assert "nothing was removed" in err
    assert (cache / "thesis.tex").exists()


# Of each command the variables of the places in which it writes.
WRITES = {
    ("run",): ("SER_CACHE", "SER_REPORTS"),
    ("evaluate", "svm"): ("SER_CACHE", "SER_REPORTS"),
    ("tune", "svm"): ("SER_CACHE", "SER_REPORTS"),
    ("train", "svm", "-o", "model"): ("SER_CACHE",),
    ("fuse", "svm"): ("SER_REPORTS",),
    ("report",): ("SER_REPORTS",),
    ("cache",): ("SER_CACHE",),
    ("fetch", "emodb"): ("SER_DATA",),
}


@pytest.mark.parametrize("command", WRITES)
def test_a_place_that_is_a_file_is_refused_before_anything_is_done(
    command, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").touch()
    for variable in WRITES[command]:
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(tmp_path / "file"))
            code, out, err = run(*command, capsys=capsys)
        assert (code, out) == (2, "")
        assert err.startswith(f"ser: error: {tmp_path}/file: is no folder; expected one for the ")
        assert variable in err


@pytest.mark.parametrize("command", [c for c in WRITES if c != ("cache",)])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
    command, monkeypatch, capsys
):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    # Not by permissions, which do not bind the superuser.
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    code, out, err = run(*command, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith("ser: error: ")
    assert "nothing can be written here (Permission denied); expected another place for" in err


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "a.wav", "-o", "file/out.csv"],
        ["train", "svm", "-o", "file/model"],
        ["evaluate", "file", "--card"],
    ],
)
def test_a_file_to_write_below_a_file_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    code, _, err = run(*words, capsys=capsys)
    assert (code, "file: is no folder; expected one for" in err) == (2, True)


def test_run_passes_everything_on_and_fails_if_a_notebook_does(monkeypatch, capsys, tmp_path):
    calls = []

    def stub(names, **options):
        calls.append((names, options))
        job = notebooks.Run(tmp_path / "01.ipynb", {}, tmp_path / "out" / "01.ipynb", False)
        failure = Failure("2 of 3", "x = y", "NameError: name 'y' is not defined")
        return [notebooks.Outcome(job, notebooks.FAILED, 1.0, failure)]

    monkeypatch.setattr(notebooks, "run_notebooks", stub)
    command = "run 01 02 --corpus emodb --jobs 2 --fresh --data d -p epochs 5"
    words = [*command.split(), "-p", "protocol", "speaker_folds"]
    code, out, _ = run(*words, capsys=capsys)
    assert code == 1
    assert "NameError: name 'y' is not defined" in out
    assert "2 of 3" in out
    parameters = [["epochs", "5"], ["protocol", "speaker_folds"]]
    given = {"corpus": "emodb", "data": "d", "jobs": 2, "fresh": True, "parameters": parameters}
    absent = {"reports": None, "scheduler": None, "timeout": None}
    assert calls == [(["01", "02"], given | absent)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variant", "as_published"], "--variant with a model, which is trained already"),
        (["--nested"], "--nested with a model"),
        (["--protocol-option", "k", "3"], "--protocol-option with a model"),
        (["--hold-out-development"], "--hold-out-development with a model"),
        (["--seeds", "0,1"], "--seeds with a model"),
        (["-p", "epochs", "2"], "--parameter with a model"),
    ],
)
def test_what_a_trained_model_cannot_change_is_refused(options, message, capsys):
    assert cli.main(["evaluate", "ours_discriminant-emodb", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_called_like_a_system_does_not_stand_for_it(
    speakers, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("SER_REPORTS", str(tmp_path / "reports"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "majority").mkdir()
    words = ["--corpus", "folder", "--data", str(speakers)]
    code, out, _ = run("evaluate", "majority", *words, capsys=capsys)
    assert code == 0
    assert "UAR 0.500" in out
    code, _, err = run("evaluate", "./majority", *words, capsys=capsys)
    assert code == 2
    assert "model.json" in err


def test_a_protocol_takes_options(speakers, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_REPORTS", str(tmp_path / "reports"))
    rows = [
        f"{speaker}_{emotion},mine,{part}"
        for speaker, part in (("a", "train"), ("b", "dev"), ("c", "test"))
        for emotion in ("anger", "sadness")
    ]
    (tmp_path / "split.csv").write_text("\n".join(["utterance,fold,part", *rows]))
    words = ["evaluate", "majority", "--corpus", "folder", "--data", str(speakers)]
    split = ["--protocol", "split_file", "--protocol-option", "path", str(tmp_path / "split.csv")]
    code, out, _ = run(*words, *split, capsys=capsys)
    assert code == 0
    assert "2 utterances of 1 speaker; split file, 1 of 1 folds" in out
    for given, message in (
        (["--protocol", "speaker_folds", "--protocol-option", "k", "2"], "speaker_folds: k is 2;"),
        (["--protocol", "speaker_folds", "--protocol-option", "n", "3"], "unknown option of the"),
        (["--protocol-option", "k", "3"], "--protocol-option without --protocol; expected the"),
        (
            ["--protocol", "speaker_folds", *["--protocol-option", "k", "3"] * 2],
            "k of the protocol is given twice ('3', '3'); expected it once",
        ),
    ):
        code, _, err = run(*words, *given, capsys=capsys)
        assert (code, message in err) == (2, True), err


@pytest.mark.parametrize("option", ["--seen", "--card"])
def test_what_only_a_trained_model_has_is_refused(option, capsys):
    assert cli.main(["evaluate", "svm", option]) == 2
    assert f"{option} with 'svm'; expected the name or the folder of" in capsys.readouterr().err


def test_seeds_say_their_form(capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "svm", "--seeds", "0-2"])
    assert "'0-2'; expected numbers: 0,1,2" in capsys.readouterr().err


def test_tune_prints_the_table_and_says_where_it_lies(monkeypatch, capsys, tmp_path):
    """Of a system whose trials differ in nothing but the grid, on tones of four speakers."""
    folder = tmp_path / "tones"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["path,emotion,speaker"]
    for speaker in "abcd":
        for emotion, pitch in (("anger", 900), ("sadness", 200)):
            for take in range(2):
                name = f"{speaker}{emotion}{take}.wav"
                tone = np.sin(np.arange(4000) * pitch / 2546) / 4 + rng.normal(0, 0.02, 4000)
                soundfile.write(folder / name, tone, 16000)
                lines.append(f"{name},{emotion},{speaker}")
    (folder / "manifest.csv").write_text("\n".join(lines))
    small = {"C": (1,), "gamma": (0.001,), "components": 2}
    trials = {"small": small, "larger": small | {"C": (5,)}, "unused": {"C": (7,)}}
    monkeypatch.setattr(systems.Svm, "search_space", trials)
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    code, out, _ = run(
        *("tune", "svm", "small", "larger", "--corpus", "folder", "--data", str(folder)),
        *("--folds", "b,d", "--reports", str(tmp_path / "reports")),
        capsys=capsys,
    )
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["trial", "parameters", "dev_uar"]
    assert {line.split()[0] for line in lines[1:3]} == {"small", "larger"}
    table = tmp_path / "reports" / "folder" / "trials" / "svm.csv"
    assert lines[-1] == f"in {os.path.relpath(table)}"
    assert "unused" not in table.read_text()
    assert set(pd.read_csv(table)["folds"]) == {"b, d"}


@pytest.mark.parametrize(
    ("text", "folds"),
    [
        *(("2", 2), ("03,08", ["03", "08"]), ("03,", ["03"]), ("a", ["a"])),
        # A leading zero means a name.
        *(("08", ["08"]), ("3, 8", ["3", "8"])),
        # As in CSV.
        *(('"Müller, Anna",Dana', ["Müller, Anna", "Dana"]), ('"a, b",', ["a, b"])),
    ],
)
def test_folds_are_a_number_or_names(text, folds):
    assert cli.parser().parse_args(["tune", "svm", "--folds", text]).folds == folds


def test_a_quote_that_is_not_closed_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", "svm", "--folds", '"Müller, Anna'])
    assert "'\"Müller, Anna' cannot be divided at its commas; expected" in capsys.readouterr().err


def test_trainings_are_sent_to_one_place(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["tune", "svm", "--jobs", "2", "--scheduler", "tcp://host:8786"])
    assert "not allowed with argument --jobs" in capsys.readouterr().err


def test_an_interrupt_is_said_without_a_traceback(monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(notebooks, "run_notebooks", interrupted)
    code, _, err = run("run", capsys=capsys)
    assert code == 130
    assert err == "ser: interrupted; what was finished is kept\n"


LONG = """
import sys, time, types
from ser_lib import cli, executor

def command(options):
    list(executor.run(time.sleep, [(300,)] * 2, jobs=2))

if __name__ == "__main__":
    options = types.SimpleNamespace(function=command)
    cli.parser = lambda: types.SimpleNamespace(parse_args=lambda arguments: options)
    sys.exit(cli.main([]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
def test_a_signal_ends_a_command_and_its_workers(tmp_path, name, group):
    number = getattr(signal, name)
    (tmp_path / "long.py").write_text(LONG)
    command = [sys.executable, str(tmp_path / "long.py")]
    options = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with psutil.Popen(command, **options) as process:
        workers = []
        while sum("popen_loky" in " ".join(worker.cmdline()) for worker in workers) < 2:
            time.sleep(0.1)
            workers = process.children(recursive=True)
        # They have looked whose children they are.
        time.sleep(2)
        # A terminal or a scheduler sends it to the workers as well, and sometimes twice.
        os.killpg(process.pid, number) if group else process.send_signal(number)
        try:
            _, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
    if name == "SIGKILL":
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert err == "ser: interrupted; what was finished is kept\n"


@pytest.mark.slow
def test_a_system_is_evaluated_without_a_notebook(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_COMMAND", "")
    monkeypatch.setenv("SER_REPORTS", str(tmp_path))
    command = ["evaluate", "svm", "--corpus", "synthetic", "-p", "C", "[1, 3]"]
    command += ["--normalisation", "speaker", "--folds", "f01,m02", "--seeds", "0,4"]
    code, printed, _ = run(*command, capsys=capsys)
    assert code == 0
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "synthetic").rglob("*.json"))
    assert record["parameters"]["C"] == [1.0, 3.0]
    assert record["specification"]["normalisation"] == "speaker"
    assert record["specification"]["folds"] == ["f01", "m02"]
    assert record["specification"]["seeds"] == [0, 4]
    assert shlex.split(record["command"]) == ["ser", *command]
    assert "2 of 10 folds; normalisation speaker; 2 seeds" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["svn"], "unknown system 'svn'; did you mean 'svm'?"),
        (["svm", "-p", "gama", "1"], "unknown parameter of svm 'gama'; did you mean 'gamma'?"),
        (["svm", "--variant", "ours"], "unknown variant 'ours'"),
        (["svm", "--subset", "loud"], "subset"),
    ],
)
def test_what_cannot_be_evaluated(arguments, message, capsys):
    code, _, error = run("evaluate", *arguments, capsys=capsys)
    assert code == 2
    assert message in error


IGNORING = """
import os, signal, sys, types
from ser_lib import cli

def command(options):
    os.kill(os.getpid(), signal.SIGHUP)
    return 7

signal.signal(signal.SIGHUP, signal.SIG_IGN)
options = types.SimpleNamespace(function=command)
cli.parser = lambda: types.SimpleNamespace(parse_args=lambda arguments: options)
sys.exit(cli.main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no such signal")
def test_what_nohup_lets_a_command_ignore_stays_ignored():
    assert subprocess.run([sys.executable, "-c", IGNORING], check=False).returncode == 7


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_cannot_be_written_is_said_without_a_traceback(monkeypatch, capsys, number):
    def full(*args, **options):
        raise OSError(number, os.strerror(number), "/there")

    monkeypatch.setattr(notebooks, "run_notebooks", full)
    code, _, err = run("run", capsys=capsys)
    assert code == 2
    assert err == f"ser: error: /there: {os.strerror(number)}\n"

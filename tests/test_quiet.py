"""TensorFlow is imported without start-up messages, and what else is written is not lost."""

import os
import subprocess
import sys

import pytest

# What TensorFlow 2.21 writes while its libraries are loaded, and other messages at that time.
PACKAGE = """
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written\\n")
os.write(2, b"I0000 00:00:1.1    9814 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"W0000 00:00:1.2    9814 some.cc:1] a warning\\n")
os.write(2, b"E0000 00:00:1.3    9814 some.cc:2] an error\\n")
os.write(2, b"F0000 00:00:1.4    9814 some.cc:3] the end\\n")
os.write(2, b"of another library\\n")
{more}
"""


@pytest.fixture
def imported(tmp_path):
    """Import a package called tensorflow after ser_lib; return what standard error says."""

    def run(level=None, more=""):
        (tmp_path / "tensorflow.py").write_text(PACKAGE.format(more=more))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        if level is not None:
            environment["TF_CPP_MIN_LOG_LEVEL"] = level
        code = "import os, ser_lib, tensorflow; os.write(2, b'afterwards\\n')"
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True).stderr

    return run


@pytest.mark.parametrize(
    ("level", "severities"), [(None, "F"), ("3", "F"), ("2", "EF"), ("1", "WEF"), ("0", "IWEF")]
)
def test_messages_below_the_level_are_left_out(imported, level, severities):
    written = imported(level)
    assert "".join(line[0] for line in written.splitlines() if "0000" in line) == severities
    assert ("InitializeLog" in written) == (level == "0")
    assert written.endswith("of another library\nafterwards\n")


def test_a_failing_import_says_why(imported):
    written = imported(more="raise ImportError('no libraries')")
    assert "ImportError: no libraries" in written
    assert "of another library" in written
    assert "oneDNN" not in written


@pytest.mark.slow
def test_tensorflow_says_nothing_when_it_starts():
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    code = "import ser_lib, tensorflow; assert tensorflow.constant(1) + 1 == 2"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")


def test_tqdm_does_not_ask_for_widgets_and_others_are_heard():
    warn = "import warnings; warnings.warn('IProgress not found. Please'); warnings.warn('another')"
    run = subprocess.run(
        [sys.executable, "-c", f"import ser_lib; {warn}"], capture_output=True, text=True
    )
    assert "IProgress" not in run.stderr.splitlines()[0]
    assert "another" in run.stderr

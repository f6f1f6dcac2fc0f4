"""What every test and notebook runs under, and the table that a test run ends with."""

import os
import shutil
import signal
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

from ser_lib.console import table

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    # A shell that starts the tests in the background lets them ignore Ctrl-C, and `nohup` the end
    # of the terminal; some tests send both.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Tests and the kernels of notebooks start with an empty cache and leave no report behind; the
    # notebook that compares systems reads a copy of the predictions that came with the study.
    folder = tempfile.mkdtemp(prefix="ser_lib-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for predictions in ROOT.glob("reports/*/predictions"):
        corpus = predictions.parent.name
        if corpus != "synthetic":
            shutil.copytree(predictions, f"{folder}/reports/{corpus}/predictions")
    os.environ["SER_CACHE"] = f"{folder}/cache"
    os.environ["SER_REPORTS"] = f"{folder}/reports"
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Processes side by side, one per core: more threads would only wait for each other.
        for name in ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
            os.environ.setdefault(f"{name}_THREADS", "1")


@pytest.fixture(autouse=True)
def own_folders(request, tmp_path, monkeypatch):
    """Give each test that asks for ``tmp_path`` a cache and reports of its own."""
    if "tmp_path" in request.fixturenames:
        monkeypatch.setenv("SER_REPORTS", str(tmp_path / "reports"))


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real corpora, where this machine has them."""
    folder = os.environ.get("SER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SER_DATA names no folder: EmoDB and RAVDESS are not on this machine")
    return Path(folder)


def _part(nodeid):
    path = Path(nodeid.split("::")[0])
    return str(path) if path.suffix == ".ipynb" else str(path.parent)


def pytest_terminal_summary(terminalreporter, config):
    seconds = defaultdict(float)
    counts = defaultdict(lambda: defaultdict(int))
    for outcome in ("passed", "failed", "skipped", "error", "xfailed", "xpassed"):
        for report in terminalreporter.getreports(outcome):
            counts[_part(report.nodeid)][outcome] += 1
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                seconds[_part(report.nodeid)] += report.duration
    rows = [
        (
            part,
            count["passed"],
            count["failed"] + count["error"],
            count["skipped"],
            round(seconds[part], 1),
        )
        for part, count in sorted(counts.items())
    ]
    terminalreporter.section("what ran")
    terminalreporter.write_line(table(rows, ("part", "passed", "failed", "skipped", "seconds")))
    output = config.getoption("xmlpath")
    if output:
        terminalreporter.write_line(f"output: {os.path.relpath(output)}")

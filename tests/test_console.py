"""Progress bars can be switched off as a whole."""

import os
import subprocess
import sys

import pytest


# The environment is read when tqdm is imported.
@pytest.mark.parametrize("disable", ["", ", disable=False", ", disable=True"])
@pytest.mark.parametrize("everywhere", [False, True])
def test_bars_are_hidden_where_asked_for_and_by_the_environment(disable, everywhere):
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    environment |= {"TQDM_DISABLE": "1"} if everywhere else {}
    code = f"from ser_lib import console; assert [*console.progress('ab', delay=0{disable})]"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert run.returncode == 0
    assert bool(run.stderr) == (not everywhere and "True" not in disable)

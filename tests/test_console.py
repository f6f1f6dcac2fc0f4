"""Progress bars can be switched off as a whole, and leave nothing behind."""

import functools
import io
import os
import re
import subprocess
import sys

import pytest

from ser_lib import console


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


@pytest.mark.parametrize(
    ("show", "arguments"), [("refresh", ()), ("set_postfix_str", ("fold 1",)), ("update", ())]
)
def test_a_bar_that_was_shown_at_once_is_removed_at_its_end(show, arguments, monkeypatch):
    # Where TQDM_DISABLE was set when tqdm was imported, as for notebooks, there are no bars.
    monkeypatch.setattr(console, "Bar", functools.partial(console.Bar, disable=False))
    stream = io.StringIO()
    with console.progress(total=3, description="folds", file=stream, mininterval=0) as bar:
        getattr(bar, show)(*arguments)
    shown = stream.getvalue()
    # One that nobody asked to see waits for its delay.
    assert bool(shown) == (show != "update")
    assert not shown.rpartition("\r")[2]
    assert not shown or not shown.split("\r")[-2].strip()


def test_a_step_that_is_being_done_is_a_fraction(monkeypatch):
    monkeypatch.setattr(console, "Bar", functools.partial(console.Bar, disable=False))
    stream, shown = io.StringIO(), []
    with console.progress(total=2, unit="file", file=stream, delay=0, mininterval=0) as bar:
        for done in (1 / 3, 1, 1.5, 2):
            bar.move_to(done)
            shown.append(re.search(r"[^ ]+/2", stream.getvalue().rpartition("\r")[2])[0])
    assert [text.rpartition("|")[2] for text in shown] == ["0.33/2", "1/2", "1.5/2", "2/2"]

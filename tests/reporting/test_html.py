"""Executed notebooks and pages become web pages."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from stored_evaluations import store

from ser_lib import paths
from ser_lib.reporting import build_report, html


@pytest.mark.slow
def test_web_pages_link_to_each_other(tmp_path):
    store(paths.reports())
    notebook = new_notebook(cells=[new_code_cell("x = 1")])
    nbformat.write(notebook, paths.reports() / "folder" / "01_train_tiny.ipynb")
    build_report()
    (index,) = html.render(paths.reports())
    assert index == paths.reports() / "folder" / "html" / "index.html"
    text = index.read_text()
    assert 'href="01_train_tiny.html"' in text
    assert 'src="../figures/leaderboard.png"' in text
    assert "<table>" in text
    assert (index.parent / "01_train_tiny.html").is_file()

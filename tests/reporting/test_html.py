"""Executed notebooks and pages become web pages."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
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


@pytest.mark.slow
def test_figures_keep_their_alternative_texts_and_links_hold(tmp_path):
    store(paths.reports())
    build_report()

    def figure(**metadata):
        return new_output("display_data", {"image/png": "iVBORw0KGgo="}, metadata=metadata)

    cell = new_code_cell("x = 1")
    cell.outputs = [figure(), figure(**{"image/png": {"alt": '5 "loud" words'}})]
    notebook = new_notebook(cells=[cell, new_markdown_cell("[page](README.md) [web](https://a.b)")])
    nbformat.write(notebook, paths.reports() / "folder" / "01_train_tiny.ipynb")
    html.render(paths.reports())
    text = (paths.reports() / "folder" / "html" / "01_train_tiny.html").read_text()
    assert text.count("No description has been provided for this image") == 1
    assert 'alt="5 &quot;loud&quot; words"' in text
    assert 'href="../README.md"' in text
    assert 'href="https://a.b"' in text

"""Rows link their predictions, record, command, notebook, source file and papers, where there."""

import pytest
from stored_evaluations import store

from ser_lib import paths, systems
from ser_lib.reporting import read_rows
from ser_lib.reporting.links import paper, papers, repository, row_links


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("author = {Roe, Jane}, year = {2018}, doi = {10.1/x}", "[Roe 2018](https://doi.org/10.1/x)"),
        ("author = {A, B and C, D and E, F}, year = {1}", "A et al. 1"),
        ("author = {{some\\_body}}, note = {Repository a/b\\_c}", "[some_body](https://github.com/a/b_c)"),
        ("author = {{X and others}}, note = {arXiv:1806.01506}", "[X and others](https://arxiv.org/abs/1806.01506)"),
        ("author = {X}, url = {https://a.org/x}", "[X](https://a.org/x)"),
        ("author = {[X](y)}, url = {javascript:alert(1)}", r"\[X\](y)"),
        ("title = {Nobody}", "?"),
    ],
)  # fmt: skip
def test_a_paper_is_its_author_and_year_with_its_address(fields, expected):
    assert paper(f"@misc{{key, {fields}}}") == expected


def test_every_published_system_has_a_paper_or_repository_with_an_address(tmp_path):
    for system in systems.names():
        if systems.get(system).published:
            store(paths.reports(), system=system, citation=systems.get(system).citation)
    rows = read_rows(paths.reports() / "folder")
    assert len(rows) >= 8
    for row in rows:
        assert all("](https://" in link for link in papers(row)), papers(row)


def test_links_to_the_repository_are_only_in_the_reports_of_a_checkout(tmp_path):
    for name in ("checkout/reports", "elsewhere/reports"):
        store(tmp_path / name, system="svm")
    (tmp_path / "checkout" / "ser_lib" / "systems").mkdir(parents=True)
    (tmp_path / "checkout" / "ser_lib" / "systems" / "svm.py").touch()
    (tmp_path / "checkout" / "notebooks").mkdir()
    (tmp_path / "checkout" / "notebooks" / "01_train_svm.ipynb").touch()
    texts = {}
    for name in ("checkout", "elsewhere"):
        folder = tmp_path / name / "reports" / "folder"
        (row,) = read_rows(folder)
        texts[name] = row_links(row, folder)
        assert f"[command](runs.md#{row.name})" in texts[name]
    assert "[notebook](../../notebooks/01_train_svm.ipynb)" in texts["checkout"]
    assert "[source](../../ser_lib/systems/svm.py)" in texts["checkout"]
    assert "notebook" not in texts["elsewhere"]
    assert "source" not in texts["elsewhere"]
    assert repository(tmp_path / "elsewhere" / "reports") is None
    # The notebook that was run on the corpus comes before the one that is to be run.
    (folder.parents[2] / "checkout" / "reports" / "folder" / "01_train_svm.ipynb").touch()
    folder = tmp_path / "checkout" / "reports" / "folder"
    assert "[notebook](01_train_svm.ipynb)" in row_links(row, folder)

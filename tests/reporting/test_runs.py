"""The page of runs has, for each row, its command, its links and its figures."""

import re

from stored_evaluations import store

from ser_lib import paths
from ser_lib.reporting import read_rows
from ser_lib.reporting.runs import block, runs_page


def test_each_row_has_a_section_under_its_name(tmp_path):
    store(paths.reports(), command="ser run 01_train_tiny --corpus folder", seeds=(0, 1, 2))
    store(paths.reports(), system="svm", folds=("s1",))
    folder = paths.reports() / "folder"
    rows = read_rows(folder)
    figures = {f"{kind}-{r.name}": f"{kind}.png" for r in rows for kind in ("confusion", "recall")}
    table, *sections = runs_page(rows, figures, folder).split("\n## ")
    for row, section in zip(rows, sections, strict=True):
        assert section.startswith(f"{row.name}\n")
        assert f"](#{row.name}) |" in table
        assert row.evaluation.summary().replace("[", r"\[").replace("]", r"\]") in section
        assert re.findall(r"^!\[\w.*\]\((\w+)\.png\)$", section, re.MULTILINE) == [
            *("confusion", "recall")
        ]
        for link in re.findall(r"\]\((predictions/[^)]+)\)", section):
            assert (folder / link).is_file()
    assert "```sh\nser run 01_train_tiny --corpus folder --data FOLDER\n```" in sections[0]
    assert "```sh\nser evaluate svm --corpus folder" in sections[1]


def test_a_command_cannot_end_its_block():
    assert block("one\n```\ntwo") == "```sh\none ''' two\n```"

"""The overview and the table in the repository's README follow from the stored predictions."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from stored_evaluations import store

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.experiment import read
from ser_lib.reporting import cells, read_rows
from ser_lib.reporting.overview import BEGIN, END, overview_page, readme_table, update_readme

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = [n for n in systems.names() if issubclass(systems.get(n), systems.base.NeuralSystem)]


@pytest.fixture
def checkout(tmp_path):
    """A repository with reports of two systems and a README that has the marks."""
    reports = tmp_path / "checkout" / "reports"
    store(
        reports,
        system="svm",
        seeds=(0, 1, 2),
        citation="@misc{a, author = {A}, url = {https://a.org}}",
    )
    store(reports, system="svm", seeds=(0, 1, 2), normalisation="speaker", accuracy=1.0)
    store(reports, system="tiny", accuracy=1.0)
    for folder in ("ser_lib/systems", "notebooks"):
        (reports.parent / folder).mkdir(parents=True)
    (reports.parent / "notebooks" / "01_train_svm.ipynb").touch()
    (reports / "folder" / "01_train_svm.ipynb").touch()
    (reports.parent / "README.md").write_text(f"# Study\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n")
    return reports  # fmt: skip


def corpora(reports, *names):
    return {name: read_rows(reports / name, superseded=False) for name in names or ("folder",)}


def test_the_readme_has_one_row_per_system_under_the_normalisation_train(checkout):
    lines = readme_table(corpora(checkout), checkout).splitlines()
    assert lines[0] == (
        "| system | UAR, [Recordings in a folder](reports/folder/README.md): 3 classes, "
        "leave one speaker out | source | notebook | run on real speech |"
    )
    svm, tiny = lines[2:4]
    row = next(r for r in corpora(checkout)["folder"] if r.values["system"] == "svm"
               and r.values["normalisation"] == "train")  # fmt: skip
    values = row.values
    score = f"{values['uar']:.3f} [{values['uar_low']:.3f}, {values['uar_high']:.3f}]"
    assert svm == (
        f"| `svm` | {score}<br>3 seeds ± {values['uar_sd']:.3f} | [A](https://a.org) | "
        "[01](notebooks/01_train_svm.ipynb) | [folder](reports/folder/01_train_svm.ipynb) |"
    )
    # Better, but one training only.
    assert tiny.startswith("| `tiny` | 1.000 [")
    assert "*1 seed only*" in tiny


def test_nested_choice_stands_beside_the_default_of_the_same_seeds(tmp_path):
    reports = tmp_path / "checkout" / "reports"
    own = {"system": "svm", "deviations": ["Chosen on development speakers of Folder: units."]}
    default = store(reports, seeds=(0, 1, 2), accuracy=0.9, **own)
    nested = store(reports, seeds=(1,), accuracy=0.7, nested=True, **own)
    (reports.parent / "ser_lib" / "systems").mkdir(parents=True)
    (reports.parent / "notebooks").mkdir()
    expected = read(default).by_seed()["uar"][1]
    score = read(nested).scores()["uar"]
    text = " ".join(readme_table(corpora(reports), reports).split())
    assert f"under the same seeds, `svm` {score:.3f} instead of {expected:.3f}." in text


def test_a_small_spread_is_not_written_as_none():
    assert cells.spread({"uar_sd": 0.0}) == "± 0.000"
    assert cells.spread({"uar_sd": 0.0004}) == "± < 0.001"
    assert cells.spread({"uar_sd": 0.0006}) == "± 0.001"


def test_only_what_is_between_the_marks_is_written(checkout):
    readme = checkout.parent / "README.md"
    assert update_readme(corpora(checkout), checkout) == readme
    table = readme_table(corpora(checkout), checkout)
    assert readme.read_text() == f"# Study\n\n{BEGIN}\n\n{table}\n\n{END}\n\nThe rest.\n"
    before = readme.stat().st_mtime_ns
    update_readme(corpora(checkout), checkout)
    assert readme.stat().st_mtime_ns == before


def test_no_other_readme_is_touched(checkout, tmp_path):
    readme = checkout.parent / "README.md"
    text = readme.read_text()
    # Reports that are not those of a checkout, though a README with the marks is beside them.
    shutil.rmtree(checkout.parent / "notebooks")
    assert update_readme(corpora(checkout), checkout) is None
    assert readme.read_text() == text
    # A checkout whose README has no marks, or none at all.
    (checkout.parent / "notebooks").mkdir()
    readme.write_text("# Study\n")
    assert update_readme(corpora(checkout), checkout) is None
    assert readme.read_text() == "# Study\n"
    readme.unlink()
    assert update_readme(corpora(checkout), checkout) is None
    assert not readme.exists()
    # Reports under another name.
    other = shutil.copytree(checkout, tmp_path / "checkout" / "my_reports")
    readme.write_text(text)
    assert update_readme(corpora(other), other) is None


@pytest.mark.parametrize("marks", [BEGIN, END, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"])
def test_marks_that_do_not_enclose_one_place_are_refused(checkout, marks):
    (checkout.parent / "README.md").write_text(marks)
    with pytest.raises(InputError, match=r"README.md: found . of .* expected one of each"):
        update_readme(corpora(checkout), checkout)


def test_the_overview_has_a_ranking_for_each_normalisation(checkout):
    text = overview_page(corpora(checkout), checkout)
    assert "## [Recordings in a folder](folder/README.md)" in text
    tables = re.findall(r"Normalisation `(\w+)`:\n\n((?:\|.*\n)+)", text)
    found = {
        name: re.findall(r"^\| (\d|–) \| (`\w+`)", table, re.MULTILINE) for name, table in tables
    }
    assert found == {"train": [("1", "`svm`"), ("–", "`tiny`")], "speaker": [("1", "`svm`")]}
    # The figure is shown where it has been drawn.
    assert "leaderboard.png" not in text
    figures = checkout / "folder" / "figures"
    figures.mkdir()
    (figures / "leaderboard.png").touch()
    assert "](folder/figures/leaderboard.png)" in overview_page(corpora(checkout), checkout)


def test_the_guide_to_resources_quotes_the_committed_scores():
    table = pd.read_csv(ROOT / "reports" / "emodb" / "results.csv")
    own = table[
        (table["normalisation"] == "train")
        & table["speaker_disjoint"]
        & ~table["partial"]
        & (table["variant"] == "default")
        & (table["seeds"] >= 3)
    ]
    support = own[own["system"] == "opensmile_svm"].set_index("changes", drop=False)["uar"]
    linear, rbf = support[support.index.isna()].item(), support['kernel "rbf"']
    best = own[own["system"].isin(NETWORKS)]["uar"].max()
    text = " ".join((ROOT / "docs" / "resources.md").read_text(encoding="utf-8").split())
    assert f"here {rbf:.3f} with the same kind of kernel, {linear:.3f} with a linear one" in text
    assert f"None of the networks here does (the best: {best:.3f})" in text


def test_the_readme_says_what_the_committed_reports_give():
    reports = ROOT / "reports"
    names = sorted({path.parent.parent.name for path in reports.glob("*/predictions/*.json")})
    rows = corpora(reports, *(name for name in names if name != "synthetic"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.split(BEGIN)[1].split(END)[0].strip()
    assert shown == readme_table(rows, reports), "`ser report` writes it anew"
    # And each link in it leads to a file.
    for target in re.findall(r"\]\(((?!https:)[^)]+)\)", shown):
        assert (ROOT / target).is_file(), target

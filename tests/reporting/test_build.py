"""Tables, figures and pages follow from the stored predictions, and from nothing else."""

import shutil

import pandas as pd
import pytest
from tiny import make_system

from ser_lib import code_digest as source
from ser_lib import evaluate, paths, plots
from ser_lib.corpora import load_corpus
from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.experiment import tune
from ser_lib.reporting import build as report
from ser_lib.reporting import html as pages
from ser_lib.reporting import page as leaderboard
from ser_lib.signal import WhiteNoise


@pytest.fixture
def fast(monkeypatch):
    """Figures that are quick to draw."""
    import matplotlib.figure

    def draw(table, *, title=""):
        made = matplotlib.figure.Figure(figsize=(1, 1))
        made.text(0, 0, f"{title} {len(table)}")
        return made

    for name in ("leaderboard", "confusion_matrix", "per_class_recall"):
        monkeypatch.setattr(plots, name, draw)


@pytest.fixture(scope="session")
def evaluated(recordings, tmp_path_factory):
    """Predictions of every kind: complete, partial, superseded, degraded, speaker-dependent."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_CACHE", str(folder / "cache"))
        corpus = load_corpus("folder", data=recordings)
        options = {"reports": folder / "reports", "progress": False}
        evaluate(make_system(), corpus, folds=1, **options)
        evaluate(make_system(), corpus, **options)
        evaluate(make_system(), corpus, normalisation="speaker", **options)
        noise = {"0 dB": WhiteNoise(snr=0)}
        evaluate(make_system(sharpness=0.1), corpus, conditions=noise, **options)
        evaluate(make_system(sharpness=0.2), corpus, folds=["s1", "s2"], **options)
        evaluate(make_system(), corpus, protocol="random_80_20", **options)
        source = make_system(setting="source", sharpness=3.0)
        evaluate(source, corpus, protocol="random_90_10", **options)
    return folder / "reports"


@pytest.fixture
def reported(evaluated, fast):
    """The reports made of them."""
    shutil.copytree(evaluated, paths.reports())
    report.report()
    return paths.reports()


def results(reports):
    return pd.read_csv(reports / "folder" / "results.csv", keep_default_na=False)


def section(text, title):
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_one_row_per_evaluation_with_the_agreed_columns(reported):
    table = results(reported)
    assert tuple(table.columns) == report.COLUMNS
    assert len(table) == 7
    assert table["partial"].sum() == 2
    assert set(table["code"]) == {"current"}
    assert (table["classes"] == 3).all()
    complete = table[table["speaker_disjoint"] & ~table["partial"]]
    assert set(complete["normalisation"]) == {"train", "speaker"}
    assert (complete["utterances"] == 24).all()
    assert (complete["parameters"] == 24).all()


def test_every_figure_can_be_computed_from_the_predictions(reported):
    for _, row in results(reported).iterrows():
        name = f"{row['system']}-{row['digest'][:8]}.csv"
        answers = pd.read_csv(reported / "folder" / "predictions" / name)
        answers = answers.query("part == 'test' and condition == 'clean'")
        for metric in ("uar", "wa", "macro_f1"):
            value = getattr(metrics, metric)(answers["emotion"], answers["predicted"])
            assert row[metric] == pytest.approx(value, abs=5e-5)
        assert row["folds"] == answers["fold"].nunique()
        assert row["utterances"] == answers["utterance"].nunique()


def test_rows_that_differ_by_an_argument_say_which(reported):
    variants = set(results(reported)["variant"])
    assert variants == {"", "sharpness 0.1", "sharpness 0.2", "sharpness 1.0"}


def test_the_page_ranks_what_may_be_ranked(reported):
    text = (reported / "folder" / "README.md").read_text()
    unseen = section(text, "On unseen speakers")
    ranks = [line.split(" | ") for line in unseen.splitlines() if line[:3] in ("| 1", "| 2", "| 3")]
    scores = [float(cells[3][:5]) for cells in ranks]
    assert len(ranks) == 3
    assert scores == sorted(scores, reverse=True)
    assert "figures/leaderboard.png" in unseen
    # A complete run of the same recipe is there for one partial row, not for the other.
    partial = section(text, "Partial runs, not ranked")
    assert partial.count("predictions/") == 2
    assert "2 of 4 × 1" in partial
    assert "s1, s2" in partial


def test_speaker_dependent_rows_stand_apart_beside_unseen_speakers(reported):
    text = (reported / "folder" / "README.md").read_text()
    dependent = section(text, "The same speakers in training and test")
    assert dependent.count("predictions/") == 4
    table = results(reported)
    own = table.query("protocol == 'leave_one_speaker_out' and normalisation == 'train'")
    own = own[own["variant"] == "sharpness 1.0"].query("not partial").iloc[0]
    assert f"{own['uar']:.3f}" in dependent
    # No such system was run on unseen speakers under the setting of the source.
    assert "not measured" in dependent
    assert "random" not in section(text, "On unseen speakers").replace("random_", "")


def test_degraded_and_published_figures_have_tables_of_their_own(reported):
    text = (reported / "folder" / "README.md").read_text()
    degraded = section(text, "Degraded recordings")
    assert "| 0 dB |" in degraded
    assert "| clean |" in degraded
    published = section(text, "What their authors report")
    assert "| `tiny` | WA 0.900 | 3 | **in the training too** | random split |" in published


def test_the_page_says_how_to_make_it_again(corpus, fast, monkeypatch):
    monkeypatch.setenv("SER_COMMAND", "ser run 01_train_tiny --corpus folder")
    evaluate(make_system(), corpus)
    monkeypatch.delenv("SER_COMMAND")
    # Looking at it again by hand does not forget the command.
    evaluate(make_system(), corpus)
    report.report()
    text = (paths.reports() / "folder" / "README.md").read_text()
    assert "```sh\nser run 01_train_tiny --corpus folder\nser report\n```" in text


def test_links_lead_to_files_that_exist(reported):
    import re

    (reported / "folder" / "01_train_tiny.ipynb").write_text("{}")
    (reported / "folder" / "02_train_tiny.failed.ipynb").write_text("{}")
    for page in report.report():
        text = page.read_text()
        targets = re.findall(r"\]\(([^)]+)\)", text)
        assert targets
        for target in targets:
            assert (page.parent / target).is_file(), target
    assert "failed" not in text
    assert "01_train_tiny" in (reported / "folder" / "README.md").read_text()


def test_the_same_predictions_give_the_same_files(reported):
    def state():
        files = (path for path in reported.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    report.report()
    assert state() == before


def test_another_drawing_library_is_no_reason_to_draw_anew(reported, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("drawn again")

    for name in ("leaderboard", "confusion_matrix", "per_class_recall"):
        monkeypatch.setattr(plots, name, refuse)
    report.report()
    figure = reported / "folder" / "figures" / "leaderboard.png"
    for damaged in (b"", figure.read_bytes()[:99]):
        figure.write_bytes(damaged)
        with pytest.raises(AssertionError, match="drawn again"):
            report.report()
    assert figure.read_bytes() == damaged, "nothing half-drawn takes its place"


def test_a_run_on_one_corpus_leaves_the_others_alone(reported):
    shutil.copytree(reported / "folder", reported / "synthetic")
    before = (reported / "README.md").stat().st_mtime_ns
    for path in (reported / "folder").glob("*.*"):
        path.unlink()
    assert report.report(corpus="synthetic") == [reported / "synthetic" / "README.md"]
    assert not (reported / "folder" / "README.md").exists()
    assert (reported / "README.md").stat().st_mtime_ns == before


def test_a_row_by_older_code_says_so(reported, monkeypatch):
    monkeypatch.setattr(source, "is_current", lambda roots, files: False)
    report.report()
    assert set(results(reported)["code"]) == {"older"}
    assert "*older code*" in (reported / "folder" / "README.md").read_text()


def test_what_is_gone_leaves_no_figure_behind(reported):
    figures = reported / "folder" / "figures"
    (figures / "of_the_users.png").touch()
    gone = next((reported / "folder" / "predictions").glob("*.json")).stem
    for path in (reported / "folder" / "predictions").glob(f"{gone}.*"):
        path.unlink()
    report.report()
    assert not list(figures.glob(f"*{gone}*"))
    assert (figures / "of_the_users.png").exists()
    assert len(results(reported)) == 6


def test_the_overview_leaves_the_synthetic_corpus_out(reported):
    assert "folder/README.md" in (reported / "README.md").read_text()
    shutil.move(reported / "folder", reported / "synthetic")
    (reported / "README.md").unlink()
    report.report()
    assert not (reported / "README.md").exists()


def test_more_seeds_supersede_fewer(corpus, fast):
    evaluate(make_system(), corpus)
    evaluate(make_system(), corpus, seeds=(0, 1))
    report.report()
    text = (paths.reports() / "folder" / "README.md").read_text()
    assert "| 4 × 2 |" in text
    assert "| 4 × 1 |" not in text
    assert len(results(paths.reports())) == 2


def test_nothing_to_report_is_said(tmp_path):
    with pytest.raises(InputError, match="no predictions in it"):
        report.report(tmp_path)


def test_damaged_predictions_are_named(reported):
    path = next((reported / "folder" / "predictions").glob("*.csv"))
    path.write_text(path.read_text().replace("p_anger", "p_angst", 1))
    with pytest.raises(InputError, match=path.name):
        report.report()


def test_the_real_figures_are_drawn(corpus):
    evaluate(make_system(), corpus)
    report.report()
    for name in ("leaderboard", "confusion-*", "recall-*"):
        (path,) = (paths.reports() / "folder" / "figures").glob(f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_page_lists_the_recipes_that_were_tried(corpus, reported):
    assert "Recipes tried" not in (reported / "folder" / "README.md").read_text()

    def system(*, sharpness=1.0):
        return make_system(sharpness=sharpness)

    table = tune(system, corpus, {"default": {}, "blunt": {"sharpness": 0.01}}, seeds=(0, 1))
    tune(system, corpus, {"default": {}}, folds=1)
    # From the table alone: what the trainings left in the cache is not looked at.
    shutil.rmtree(paths.cache())
    report.report()
    text = section((reported / "folder" / "README.md").read_text(), "Recipes tried")
    assert "[recipes/tiny.csv](recipes/tiny.csv)" in text
    larger, smaller = text.split("; development speakers ")[1:]
    assert larger.startswith("s1, s2, s3; seeds 0, 1:")
    assert smaller.startswith("s1; seed 0:")
    blunt = table.set_index("recipe").loc["blunt"]
    shown = f"| blunt | sharpness 0.01 | 1.000 [0.292, 1.000] | {blunt['dev_loss']:.3f} | 2 | 24 |"
    assert shown in larger
    assert "| default |  | 1.000 | " in smaller
    names = table["folds"].iloc[0].split(", ")
    assert len(names) == 3
    assert f"`ser tune tiny --corpus folder --folds {','.join(names)}`" in larger
    assert f"`ser tune tiny --corpus folder --folds {names[0]},`" in smaller


def test_web_pages_link_to_each_other(reported):
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    nbformat.write(
        new_notebook(cells=[new_code_cell("x = 1")]), reported / "folder" / "01_train_tiny.ipynb"
    )
    report.report()
    (index,) = pages.render(reported)
    assert index == reported / "folder" / "html" / "index.html"
    text = index.read_text()
    assert 'href="01_train_tiny.html"' in text
    assert 'src="../figures/leaderboard.png"' in text
    assert "<table>" in text
    assert (index.parent / "01_train_tiny.html").is_file()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7300, "2 h 1 min")]
)
def test_times_are_readable(seconds, text):
    assert leaderboard.duration(seconds) == text

"""Tables, figures and pages follow from the stored predictions, and from nothing else."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from stored_evaluations import SPEAKERS, store

from ser_lib import code_digest, paths, plots
from ser_lib.errors import InputError
from ser_lib.evaluation.metrics import METRICS
from ser_lib.reporting import (
    build_report,
    one_per_system,
    read_rows,
    results_table,
    shared_predictions,
)
from ser_lib.reporting.rows import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("leaderboard", "confusion_matrix", "per_class_recall", "trials")


@pytest.fixture
def fast(monkeypatch):
    """Figures that are quick to draw."""
    make_drawing_fast(monkeypatch)


def make_drawing_fast(monkeypatch):
    import matplotlib.figure

    def draw(table, *, title=""):
        figure = matplotlib.figure.Figure(figsize=(1, 1))
        figure.text(0, 0, f"{title} {len(table)}")
        return figure

    for name in FIGURES:
        monkeypatch.setattr(plots, name, draw)


@pytest.fixture(scope="module")
def built(stored, tmp_path_factory):
    """The reports built from the stored evaluations, to be read only."""
    reports = tmp_path_factory.mktemp("built") / "reports"
    shutil.copytree(stored, reports)
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_drawing_fast(monkeypatch)
        build_report(reports)
    return reports


@pytest.fixture
def reported(built, fast, tmp_path):
    """A copy of them."""
    return Path(shutil.copytree(built, paths.reports()))


def results(reports):
    return pd.read_csv(reports / "folder" / "results.csv", keep_default_na=False)


def page(reports):
    return (reports / "folder" / "README.md").read_text()


def section(text, title):
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_one_row_per_evaluation_with_the_agreed_columns(built):
    table = results(built)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 8
    assert table["partial"].sum() == 2
    assert set(table["code"]) == {"current"}
    assert (table["classes"] == 3).all()
    complete = table[table["speaker_disjoint"] & ~table["partial"]]
    assert set(complete["normalisation"]) == {"train", "speaker"}
    assert (complete["utterances"] == 24).all()
    assert (complete["n_parameters"] == 24).all()


def test_every_score_can_be_computed_from_the_predictions(built):
    for row in read_rows(built / "folder"):
        scores = row.evaluation.scores()
        shown = results(built).set_index("digest").loc[row.record["digest"]]
        for metric in METRICS:
            assert float(shown[metric]) == pytest.approx(scores[metric], abs=5e-5)
        predictions = row.evaluation.rows()
        right = (predictions["emotion"] == predictions["predicted"]).mean()
        assert float(shown["wa"]) == pytest.approx(right, abs=5e-5)
        assert shown["folds"] == predictions["fold"].nunique()


def test_every_metric_has_its_columns_and_heading(built):
    assert {f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")} <= set(COLUMNS)
    heading = next(line for line in page(built).splitlines() if line.startswith("| rank"))
    assert [metric.title for metric in METRICS.values()] == heading.split(" | ")[
        2 : 2 + len(METRICS)
    ]


def test_rows_that_differ_by_a_parameter_say_which(built):
    changes = set(results(built)["changes"])
    assert changes == {"", "sharpness 0.1", "sharpness 0.2", "sharpness 0.4", "sharpness 1.0"}


def test_systems_are_ranked_within_one_normalisation(built):
    unseen = section(page(built), "On unseen speakers")
    tables = dict(re.findall(r"#### Normalisation (\w+)\n+(\| rank .*?)\n\n", unseen, re.DOTALL))
    rows = {
        name: [line.split(" | ") for line in table.splitlines() if re.match(r"\| [\d–]", line)]
        for name, table in tables.items()
    }
    ranks = {name: [cells[0] for cells in ranking] for name, ranking in rows.items()}
    assert ranks == {"train": ["| 1", "| 2", "| –"], "speaker": ["| 1"]}
    first, second, once = (float(cells[2][:5]) for cells in rows["train"])
    assert first > second
    # One training is better than both, but it is only one.
    assert once > first
    seeds = [cells[2 + len(METRICS)] for cells in rows["train"]]
    best = next(r for r in read_rows(built / "folder") if r.values["normalisation"] == "train")
    assert seeds[0] == f"3 (± {best.evaluation.by_seed()['uar'].std():.3f})"
    assert seeds[2] == "*1 only*"
    assert unseen.count("figures/leaderboard.png") == 1


def test_each_set_of_recordings_has_its_own_number_of_speakers(fast):
    counts = {"a": {"utterances": 1234, "speakers": 4}, "b": {"utterances": 18, "speakers": 3}}
    counts |= {"c": {"utterances": 9, "speakers": 0}}
    for content, of in counts.items():
        store(paths.reports(), fingerprint=content * 64, **of)
    build_report(paths.reports())
    text = page(paths.reports())
    assert "speakers" not in text.split("\n\n")[1]
    assert re.findall(r"^anger, neutral, sadness \((.*)\)$", text, re.MULTILINE) == [
        "1,234 utterances of 4 speakers; recordings and labels aaaaaaaa",
        "18 utterances of 3 speakers; recordings and labels bbbbbbbb",
        "9 utterances of unknown speakers; recordings and labels cccccccc",
    ]


def test_partial_runs_are_not_ranked_and_say_what_they_tested(built):
    # A complete run of the same specification supersedes one partial row, not the other.
    partial = section(page(built), "Partial runs, not ranked")
    assert partial.count("predictions/") == 2
    assert "| 2 of 4 | s1, s2 | *1 only* |" in partial


def test_speaker_dependent_rows_stand_apart_beside_unseen_speakers(built):
    text = page(built)
    dependent = section(text, "The same speakers in training and test")
    assert dependent.count("predictions/") == 4
    table = results(built)
    own = table.query("protocol == 'leave_one_speaker_out' and normalisation == 'train'")
    own = own[own["changes"] == "sharpness 1.0"].query("not partial").iloc[0]
    assert f"{own['uar']:.3f}" in dependent
    # The original was not run on unseen speakers.
    assert "`as_published`" in dependent
    assert "not measured" in dependent
    assert "random" not in section(text, "On unseen speakers")


def test_degraded_and_published_scores_have_tables_of_their_own(built):
    text = page(built)
    degraded = section(text, "Degraded recordings")
    assert "| 0 dB |" in degraded
    assert "| clean |" in degraded
    published = section(text, "Published scores")
    assert "| `tiny` | WA 0.900 | 3 | **in the training too** | random split |" in published


def test_the_page_says_how_to_reproduce_it(fast, tmp_path):
    store(paths.reports(), command="ser run 01_train_tiny --corpus folder")
    build_report()
    text = page(paths.reports())
    assert "```sh\nser run 01_train_tiny --corpus folder --data FOLDER\nser report\n```" in text


def test_texts_of_records_cannot_become_markup(fast, tmp_path):
    evil = "<script>alert(1)</script> | [x](javascript:y)\n# head"
    keys = ("title", "corpus_title", "corpus_licence", "protocol_title", "command")
    store(paths.reports(), deviations=[evil], **dict.fromkeys(keys, evil))
    for path in build_report():
        text = path.read_text()
        blocks = text.split("```")
        assert "<script>" not in "".join(blocks[::2])
        assert "](javascript" not in "".join(blocks[::2]).replace(r"\](javascript", "")
        assert "\n# head" not in text


def test_links_lead_to_files_that_exist(reported):
    (reported / "folder" / "01_train_tiny.ipynb").write_text("{}")
    (reported / "folder" / "02_train_tiny.failed.ipynb").write_text("{}")
    pages = build_report()
    for path in [*pages, pages[0].with_name("runs.md")]:
        text = path.read_text()
        targets = re.findall(r"\]\(([^)]+)\)", text)
        assert targets
        for target in targets:
            name, _, anchor = target.partition("#")
            page_of = path.parent / name if name else path
            assert page_of.is_file(), target
            if anchor:
                headings = re.findall(r"^## (.+)$", page_of.read_text(), re.MULTILINE)
                assert anchor in {h.lower().replace(",", "").replace(" ", "-") for h in headings}
        assert "failed" not in text
    assert "01_train_tiny" in page(reported)


def test_the_same_predictions_give_the_same_files(reported):
    def state():
        files = (path for path in reported.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    build_report()
    assert state() == before


def test_figures_are_drawn_again_only_if_what_they_show_changed(reported, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("drawn again")

    for name in FIGURES:
        monkeypatch.setattr(plots, name, refuse)
    build_report()
    figure = reported / "folder" / "figures" / "leaderboard.png"
    for damaged in (b"", figure.read_bytes()[:99]):
        figure.write_bytes(damaged)
        with pytest.raises(AssertionError, match="drawn again"):
            build_report()
    assert figure.read_bytes() == damaged, "nothing half-drawn takes its place"


def test_a_run_on_one_corpus_leaves_the_others_alone(reported):
    shutil.copytree(reported / "folder", reported / "synthetic")
    before = (reported / "README.md").stat().st_mtime_ns
    for path in (reported / "folder").glob("*.*"):
        path.unlink()
    assert build_report(corpus="synthetic") == [reported / "synthetic" / "README.md"]
    assert not (reported / "folder" / "README.md").exists()
    assert (reported / "README.md").stat().st_mtime_ns == before


def test_notes_of_people_stand_at_the_head_of_the_page(reported):
    folder = min(path.parent for path in reported.glob("*/README.md"))
    (folder / "notes.md").write_text("Recordings of a *telephone*.\n", encoding="utf-8")
    build_report(reported)
    before, _, after = (folder / "README.md").read_text().partition("Recordings of a *telephone*.")
    assert before.startswith("# ")
    assert "\n## " not in before
    assert "## On unseen speakers" in after


def test_a_row_by_older_code_says_so(reported, monkeypatch):
    monkeypatch.setattr(code_digest, "is_current", lambda roots, files: False)
    build_report()
    assert set(results(reported)["code"]) == {"older"}
    assert "*older code*" in page(reported)


def test_figures_of_removed_predictions_are_removed(reported):
    figures = reported / "folder" / "figures"
    (figures / "of_the_users.png").touch()
    gone = next((reported / "folder" / "predictions").glob("*.json")).stem
    for path in (reported / "folder" / "predictions").glob(f"{gone}.*"):
        path.unlink()
    build_report()
    assert not list(figures.glob(f"*{gone}*"))
    assert (figures / "of_the_users.png").exists()
    assert len(results(reported)) == 7


def test_the_overview_leaves_the_synthetic_corpus_out(reported):
    assert "folder/README.md" in (reported / "README.md").read_text()
    shutil.move(reported / "folder", reported / "synthetic")
    (reported / "README.md").unlink()
    build_report()
    assert not (reported / "README.md").exists()


def test_no_two_pictures_say_that_they_show_the_same(fast, tmp_path):
    for protocol in ("leave_one_speaker_out", "random_80_20"):
        for subset in ("all", "calm_as_neutral"):
            store(paths.reports(), protocol=protocol, subset=subset)
    build_report()
    text = (paths.reports() / "folder" / "runs.md").read_text()
    for kind in ("Confusion matrix of", "Recall of each emotion by"):
        of_what = set(re.findall(rf"!\[{kind} (.*?)[.:]", text))
        assert of_what == {
            f"tiny, normalisation train, {subset}{protocol}"
            for subset in ("", "calm_as_neutral, ")
            for protocol in ("leave one speaker out", "random 80 20")
        }


def test_more_seeds_supersede_fewer(fast, tmp_path):
    store(paths.reports())
    store(paths.reports(), seeds=(0, 1))
    build_report()
    unseen = section(page(paths.reports()), "On unseen speakers")
    assert len(re.findall(r"^\| –", unseen, re.MULTILINE)) == 1
    assert "| 2 (± " in unseen
    assert len(results(paths.reports())) == 2
    assert len(read_rows(paths.reports() / "folder", superseded=False)) == 1


def test_a_training_again_stands_beside_the_interval_of_its_row(fast, tmp_path):
    store(paths.reports(), seeds=(0, 1, 2))
    store(paths.reports(), seeds=(2, 3))
    store(paths.reports(), seeds=(4,), accuracy=0)
    store(paths.reports(), seeds=(0,), sharpness=2.0)
    build_report()
    text = page(paths.reports())
    unseen, again = section(text, "On unseen speakers"), section(text, "Trained again")
    assert len(re.findall(r"^\| (\d|–) \| `tiny`", unseen, re.MULTILINE)) == 2
    (ranked,) = [
        row.values for row in read_rows(paths.reports() / "folder") if row.values["seeds"] == 3
    ]
    found = re.findall(r"\| (\d) \| ([\d.]+) \| (\S+) \|$", again, re.MULTILINE)
    assert {(seed, inside) for seed, _, inside in found} == {("3", "inside"), ("4", "**outside**")}
    for _, uar, inside in found:
        assert (ranked["uar_low"] <= float(uar) <= ranked["uar_high"]) == (inside == "inside")


def test_which_row_stands_for_a_system_does_not_depend_on_scores(tmp_path):
    shown = set()
    for accuracies in ((0.5, 0.9), (0.9, 0.5)):
        reports = tmp_path / str(accuracies)
        for seeds, accuracy in zip(((0, 1, 2), (3, 4, 5)), accuracies, strict=True):
            store(reports, seeds=seeds, accuracy=accuracy)
        (row,) = one_per_system(read_rows(reports / "folder"))
        shown.add(tuple(row.record["specification"]["seeds"]))
    assert len(shown) == 1


def test_recordings_that_changed_meanwhile_are_told_apart(fast, tmp_path):
    for fingerprint in ("a" * 64, "b" * 64):
        for system in ("one", "other"):
            store(paths.reports(), system=system, fingerprint=fingerprint)
    build_report()
    overview = (paths.reports() / "README.md").read_text()
    assert {"labels aaaaaaaa", "labels bbbbbbbb"} <= set(re.findall(r"labels \w+", overview))
    figures = sorted((paths.reports() / "folder" / "figures").glob("leaderboard*.png"))
    assert len({figure.read_bytes() for figure in figures}) == 2


@pytest.mark.parametrize(
    ("corpus", "says"),
    [
        ("Folder", "Choices were made on this corpus"),
        ("EmoDB", "No default was chosen on this corpus"),
    ],
)
def test_the_page_says_where_defaults_were_chosen(fast, tmp_path, corpus, says):
    sentence = f"The defaults were chosen on development speakers of {corpus}; see the trials."
    store(paths.reports(), deviations=["It is small.", sentence])
    build_report()
    unseen = section(page(paths.reports()), "On unseen speakers")
    assert says in unseen
    assert unseen.index(says) < unseen.index("| rank |")
    assert re.search("(defaults|Those) of `tiny` were chosen", unseen)


@pytest.mark.parametrize("corpus", ["folder", "ravdess"])
def test_earlier_scores_are_spoken_of_only_where_there_were_some(fast, tmp_path, corpus):
    chosen = "The defaults were chosen on development speakers of EmoDB; see the trials."
    store(paths.reports(), deviations=[chosen], corpus=corpus)
    build_report()
    unseen = section(page(paths.reports()), "On unseen speakers")
    assert "No default was chosen on this corpus" in unseen
    assert ("earlier variants" in unseen) == (corpus == "ravdess")


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no predictions in it"):
        build_report(tmp_path)


def test_damaged_predictions_are_named(reported):
    path = next((reported / "folder" / "predictions").glob("*.csv"))
    path.write_text(path.read_text().replace("p_anger", "p_angst", 1))
    with pytest.raises(InputError, match=path.name):
        build_report()


@pytest.mark.slow
def test_the_real_figures_are_drawn(tmp_path):
    store(paths.reports())
    store(paths.reports(), system="other")
    build_report()
    for name in ("leaderboard", "confusion-tiny-*", "recall-tiny-*"):
        (path,) = (paths.reports() / "folder" / "figures").glob(f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_evaluations_are_compared_on_the_utterances_that_all_predicted(tmp_path):
    store(paths.reports())
    store(paths.reports(), normalisation="speaker")
    store(paths.reports(), sharpness=0.1, folds=SPEAKERS[:2])
    shared = shared_predictions(read_rows(paths.reports() / "folder"))
    # A partial run does not restrict complete ones.
    assert {len(frame) for frame in shared.values()} == {24}
    assert set(shared) == {
        "tiny, sharpness 1.0, normalisation train",
        "tiny, sharpness 1.0, normalisation speaker",
    }
    assert shared_predictions([]) == {}


def test_partial_evaluations_are_compared_where_fewer_than_two_are_complete(tmp_path):
    store(paths.reports())
    store(paths.reports(), sharpness=0.1, folds=SPEAKERS[:2])
    shared = shared_predictions(read_rows(paths.reports() / "folder"))
    assert [set(frame["speaker"]) for frame in shared.values()] == [set(SPEAKERS[:2])] * 2


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_committed_predictions_give_the_committed_scores(corpus):
    folder = ROOT / "reports" / corpus
    committed = pd.read_csv(folder / "results.csv").set_index("digest")
    table = results_table(read_rows(folder)).set_index("digest")
    assert set(table.index) == set(committed.index)
    scores = ["uar", "uar_low", "uar_high", "wa", "macro_f1"]
    pd.testing.assert_frame_equal(table[scores].loc[committed.index], committed[scores], atol=1e-9)
    for column in ("system", "protocol", "normalisation", "seeds", "folds", "utterances"):
        assert table[column].loc[committed.index].tolist() == committed[column].tolist()

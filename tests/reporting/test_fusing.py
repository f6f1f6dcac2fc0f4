"""Stored evaluations are fused into one more, which reports show like any other."""

import numpy as np
import pandas as pd
import pytest
from stored_evaluations import SPEAKERS, store
from test_build import make_drawing_fast, page, section

from ser_lib import paths
from ser_lib.cli import main
from ser_lib.errors import InputError
from ser_lib.experiment import read
from ser_lib.recognition.transfer import PROTOCOL as TRAINED_ELSEWHERE
from ser_lib.reporting import build_report, fuse_evaluations, one_per_system, read_rows

P = ["p_anger", "p_neutral", "p_sadness"]


@pytest.fixture
def members(tmp_path):
    """Two systems with three seeds each."""
    reports = paths.reports()
    chosen = ["Chosen on development speakers of Folder: units.", "It is small."]
    return [
        store(reports, system="one", seeds=(0, 1, 2), development=True, deviations=chosen),
        store(reports, system="other", seeds=(0, 1, 2), development=True, accuracy=0.7),
    ]


def posteriors(path, seed):
    rows = read(path).rows()
    return rows[rows["seed"] == seed].set_index("utterance")[P].sort_index()


def test_a_fusion_is_stored_as_an_evaluation_that_names_its_members(members):
    fused = fuse_evaluations(["one", "other"], "folder")
    (path,) = (paths.reports() / "folder" / "predictions").glob("fusion-*.csv")
    again = read(path)
    pd.testing.assert_frame_equal(again.predictions, fused.predictions, check_dtype=False)
    digests = [read(member).record["digest"] for member in members]
    assert again.record["members"] == dict(zip(("one", "other"), digests, strict=True))
    assert again.record["title"] == "Fusion of one and other, equal weights"
    assert again.record["specification"]["seeds"] == [0, 1, 2]
    expected = np.mean([posteriors(member, 1) for member in members], axis=0)
    np.testing.assert_allclose(posteriors(path, 1), expected, atol=2e-6)
    run = again.record["runs"][0]
    assert (run["fit_seconds"], run["n_parameters"]) == (3.0, 48)
    assert run["weights"] == {"one": 0.5, "other": 0.5}
    before = path.read_bytes()
    fuse_evaluations([digests[1][:8], f"one-{digests[0][:8]}"], "folder")
    assert path.read_bytes() == before, "the order of the members does not matter"


def test_a_page_ranks_it_by_its_name(members, monkeypatch):
    fuse_evaluations(["one", "other"], "folder", name="both")
    make_drawing_fast(monkeypatch)
    build_report()
    unseen = section(page(paths.reports()), "On unseen speakers")
    assert "| `both`<br>equal weights: one, other | " in unseen.partition("Normalisation train")[2]
    # What was chosen for a member was chosen for the fusion.
    assert "The defaults of `both`, `one` were chosen" in unseen
    row = next(r for r in read_rows(paths.reports() / "folder") if r.values["system"] == "both")
    assert row.repeated
    assert row.values["code"] == "current"


def test_weights_are_fitted_to_development_rows(members):
    fused = fuse_evaluations(["one", "other"], "folder", weights="fitted")
    weights = [run["weights"] for run in fused.record["runs"]]
    assert len(weights) == 12
    assert len({tuple(own.values()) for own in weights}) > 6
    assert set(fused.predictions["part"]) == {"test", "dev"}
    alone = store(paths.reports(), system="third", seeds=(0, 1, 2))
    message = f"{alone.stem} has no development rows.*ser evaluate third --corpus folder --hold-out"
    with pytest.raises(InputError, match=message):
        fuse_evaluations(["one", "third"], "folder", weights="fitted")


def test_the_seeds_of_one_evaluation_are_averaged(members):
    fused = fuse_evaluations(["one"], "folder", seeds=True)
    assert fused.record["system"] == "one_ensemble"
    assert fused.record["title"] == "Fusion of the seeds of one, equal weights"
    expected = np.mean([posteriors(members[0], seed) for seed in range(3)], axis=0)
    found = fused.rows().set_index("utterance")[P].sort_index()
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert fused.record["runs"][0]["fit_seconds"] == 4.5
    both = fuse_evaluations(["one", "other"], "folder", seeds=True)
    assert both.record["specification"]["seeds"] == [0]
    assert both.record["runs"][0]["n_parameters"] == 6 * 24


def test_mixed_normalisations_are_named_and_ranked_by_what_needs_most(members):
    store(paths.reports(), system="third", normalisation="speaker")
    fused = fuse_evaluations(["one", "third"], "folder")
    assert fused.record["specification"]["normalisation"] == "speaker"
    assert fused.record["title"] == "Fusion of one (train) and third (speaker), equal weights"
    assert set(fused.predictions["seed"]) == {0, 1, 2}, "one seed counts for all"


def test_more_seeds_of_a_system_are_preferred_to_fewer_and_complete_runs_to_partial(members):
    store(paths.reports(), system="one", seeds=(0,))
    store(paths.reports(), system="one", seeds=(7,))
    store(paths.reports(), system="one", seeds=(0,), folds=SPEAKERS[:2], sharpness=2.0)
    assert fuse_evaluations(["one", "other"], "folder").record["specification"]["seeds"] == [
        *(0, 1, 2)
    ]


def test_what_cannot_be_fused_is_refused(members):
    reports = paths.reports()
    with pytest.raises(InputError, match="unknown evaluation 'othe'; did you mean 'other'"):
        fuse_evaluations(["one", "othe"], "folder")
    with pytest.raises(InputError, match="no evaluations in predictions/"):
        fuse_evaluations(["one", "other"], "nowhere")
    with pytest.raises(InputError, match="different evaluations; found one twice"):
        fuse_evaluations(["one", "one"], "folder")
    with pytest.raises(InputError, match=r"at least two evaluations; the seeds of one .* --seeds"):
        fuse_evaluations(["one"], "folder")
    with pytest.raises(InputError, match="fitted between evaluations; found one; expected two"):
        fuse_evaluations(["one"], "folder", seeds=True, weights="fitted")
    with pytest.raises(InputError, match="name is 'My name'; expected lower-case letters"):
        fuse_evaluations(["one", "other"], "folder", name="My name")
    with pytest.raises(InputError, match="name is 'svm', that of a system; expected another"):
        fuse_evaluations(["one", "other"], "folder", name="svm")
    store(reports, system="single")
    with pytest.raises(InputError, match="has one seed; expected two or more to be averaged"):
        fuse_evaluations(["single"], "folder", seeds=True)
    store(reports, system="drawn", protocol="random_80_20", folds=("draw 1",))
    with pytest.raises(InputError, match=r"need the same protocol; found .*leave_one_speaker_out"):
        fuse_evaluations(["one", "drawn"], "folder")
    store(reports, system="some", folds=SPEAKERS[:2])
    with pytest.raises(InputError, match=r'need the same folds; found .*"s4".* and .*"s2"'):
        fuse_evaluations(["one", "some"], "folder")
    store(reports, system="single", normalisation="speaker")
    several = r"'single' could be 2 evaluations.*normalisation speaker.*recordings and labels \w{8}"
    with pytest.raises(InputError, match=several):
        fuse_evaluations(["one", "single"], "folder")


def test_a_normalisation_that_was_not_evaluated_is_named(members):
    message = r"no evaluation of one with normalisation speaker; .*--normalisation speaker"
    with pytest.raises(InputError, match=message):
        fuse_evaluations(["one", "other"], "folder", normalisation="speaker")


def test_the_name_of_a_system_means_its_defaults_on_unseen_speakers(members):
    reports = paths.reports()
    store(reports, system="one", variant="as_published", sharpness=2.0)
    store(reports, system="one", protocol="random_80_20", folds=("draw 1",))
    store(reports, system="one", seeds=(0, 1, 2), normalisation="speaker")
    store(reports, system="one", seeds=(0, 1, 2), subset="some")
    store(reports, system="one", seeds=(0, 1, 2), nested=True)
    store(reports, system="one", protocol=TRAINED_ELSEWHERE, speaker_disjoint=True, partial=False)
    own = {"one": read(members[0]).record["digest"]}
    fused = fuse_evaluations(["one", "other"], "folder", normalisation="train")
    assert fused.record["members"].items() >= own.items()


def test_equal_weights_take_no_evaluation_that_kept_development_speakers_out(members):
    held = store(paths.reports(), system="third", seeds=(0, 1, 2), held_out=True)
    message = r"'third'.* kept development speakers out.*ser evaluate third --corpus folder"
    with pytest.raises(InputError, match=message):
        fuse_evaluations(["one", "third"], "folder")
    fitted = fuse_evaluations(["one", "third"], "folder", weights="fitted")
    named = fuse_evaluations(["one", held.stem], "folder")
    assert fitted.record["members"] == named.record["members"]
    plain = store(paths.reports(), system="third", seeds=(0, 1, 2))
    fused = fuse_evaluations(["one", "third"], "folder")
    assert fused.record["members"]["third"] == read(plain).record["digest"]


def test_a_fusion_says_that_development_speakers_of_a_member_were_held_out(members):
    held = store(paths.reports(), system="third", seeds=(0, 1, 2), held_out=True)
    store(paths.reports(), system="third", seeds=(0, 1, 2))
    plain = fuse_evaluations(["one", "third"], "folder")
    without = fuse_evaluations(["one", held.stem], "folder")
    fuse_evaluations([without.record["digest"][:8], "other"], "folder", name="deeper")
    (deeper,) = (
        row for row in read_rows(paths.reports() / "folder") if row.values["system"] == "deeper"
    )
    assert deeper.held_out
    rows = [
        row for row in read_rows(paths.reports() / "folder") if row.values["system"] == "fusion"
    ]
    assert {row.values["changes"] for row in rows} == {
        "equal weights: one, third",
        "equal weights: one, third, development speakers held out",
    }
    # The one that was trained on everybody stands for the name.
    (leading,) = one_per_system(rows)
    assert leading.record["digest"] == plain.record["digest"]


def test_the_command_fuses_and_notes_itself(members, capsys, monkeypatch):
    monkeypatch.setenv("SER_COMMAND", "")  # Restored afterwards.
    arguments = ["fuse", "one", "other", "--corpus", "folder", "--name", "both"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Fusion of one and other, equal weights\nUAR ")
    (path,) = (paths.reports() / "folder" / "predictions").glob("both-*.json")
    assert read(path).record["command"] == "ser fuse one other --corpus folder --name both"
    assert main(["fuse", "one", "--corpus", "folder"]) == 2
    assert "ser: error: a fusion needs at least two" in capsys.readouterr().err

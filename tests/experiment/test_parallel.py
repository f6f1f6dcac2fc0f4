"""Folds and seeds side by side give what they give one after the other, and lose little."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tiny import make_system
from witness import make_witness, pids

from ser_lib import evaluate, paths
from ser_lib.errors import InputError
from ser_lib.experiment import parallel, trained, tune
from ser_lib.features import RaggedArray
from ser_lib.signal import WhiteNoise

HERE = os.getpid()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def left_behind():
    return list((paths.cache() / "running").iterdir())


def test_workers_give_what_this_process_gives(corpus, log):
    noisy = make_system().front_end.degraded(WhiteNoise(snr=(10, 20)))
    system = make_witness(log, training_copies=(noisy,))
    options = {"seeds": (0, 1), "conditions": {"noisy": WhiteNoise(snr=0)}, "fresh": True}
    here = evaluate(system, corpus, jobs=1, **options)
    assert set(pids(log)) == {HERE}
    log.unlink()
    there = evaluate(system, corpus, jobs=2, **options)
    pd.testing.assert_frame_equal(here.predictions, there.predictions, check_exact=True)
    assert here.record["recipe"] == there.record["recipe"]
    assert HERE not in pids(log)
    assert len(pids(log)) == 8
    assert left_behind() == []


def test_workers_are_started_so_that_trainings_repeat(corpus, log, monkeypatch):
    for variable in parallel.REPRODUCIBLE:
        monkeypatch.delenv(variable, raising=False)
    record = evaluate(make_witness(log), corpus, jobs=2).record
    for run in record["runs"]:
        history = {name: value for name, (value,) in run["history"].items()}
        assert history.pop("pid") in pids(log)
        assert history == {
            "mapped": True,
            "random_sets": 0,
            "threads": "1",
            "tensorflow": "1",
        }
    assert not parallel.REPRODUCIBLE.keys() & os.environ.keys()


def test_features_in_memory_are_mapped_too(corpus, log):
    system = make_witness(log)
    here = evaluate(system, corpus, normalisation="speaker", jobs=1, fresh=True)
    there = evaluate(system, corpus, normalisation="speaker", jobs=2, fresh=True)
    pd.testing.assert_frame_equal(here.predictions, there.predictions, check_exact=True)
    mapped = [e.record["runs"][0]["history"]["mapped"] for e in (here, there)]
    assert mapped == [[False], [True]]


def test_an_array_is_known_by_its_file_only_if_it_is_all_of_it(tmp_path):
    values = np.arange(12.0).reshape(6, 2)
    RaggedArray(values, [0, 2, 6]).save(tmp_path / "kept")
    whole = RaggedArray.load(tmp_path / "kept")
    named = parallel._stored(whole.take([1]), tmp_path / "new.npy")
    assert named.file == tmp_path / "kept" / "values.npy"
    assert not (tmp_path / "new.npy").exists()
    for i, part in enumerate((whole.values[2:], whole.values[::-1], np.array(values), values * 2)):
        array = RaggedArray(part, [0, len(part)])
        named = parallel._stored(array, tmp_path / f"{i}.npy")
        assert named.file == tmp_path / f"{i}.npy"
        np.testing.assert_array_equal(named.open().values, part)


def test_it_begins_here_and_goes_over_to_workers_when_that_pays(corpus, log, monkeypatch):
    system = make_witness(log)
    evaluate(system, corpus)
    assert set(pids(log)) == {HERE}
    log.unlink()
    monkeypatch.setattr(parallel, "_WORTH_WORKERS", 0.0)
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 2)
    evaluate(system, corpus, fresh=True)
    first, *others = pids(log)
    assert first == HERE
    assert len(others) == 3
    assert HERE not in others


def test_a_gpu_is_shared_by_fewer_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(parallel.joblib, "cpu_count", lambda: 64)
    assert parallel.processes(100, gpu=False) == 64
    assert parallel.processes(10, gpu=False) == 10
    assert parallel.processes(100, gpu=True) == 8
    assert parallel.processes(2, gpu=True) == 2


def test_an_error_comes_back_as_itself(corpus, log):
    with pytest.raises(InputError, match="nothing can be learnt without s"):
        evaluate(make_witness(log, "fails"), corpus, jobs=2)
    assert left_behind() == []


def test_a_worker_that_dies_costs_what_was_being_trained(corpus, log):
    with pytest.raises(TerminatedWorkerError):
        evaluate(make_witness(log, "dies"), corpus, jobs=2)
    assert left_behind() == []
    tried = len(pids(log))
    kept = len(list((paths.cache() / "evaluations").rglob("*.json")))
    evaluate(make_witness(log, "dies"), corpus, jobs=1)
    assert len(pids(log)) == tried + 4 - kept


def test_recipes_are_trained_side_by_side_and_fail_each_for_itself(corpus, log, capsys):
    def system(*, prefix=None, trouble=None):
        return make_witness(log, trouble, prefix=prefix)

    plain = tune(system, corpus, {"default": {}, "by sex": {"prefix": "sex"}}, jobs=1)
    log.unlink()
    candidates = {"default": {}, "by sex": {"prefix": "sex"}}
    table = tune(system, corpus, candidates, jobs=2, fresh=True)
    assert len(pids(log)) == 6
    assert HERE not in pids(log)
    assert table["dev_loss"].tolist() == plain["dev_loss"].tolist()

    failing = {"by sex": {"prefix": "sex", "trouble": "fails"}, "default": {}}
    assert tune(system, corpus, failing, jobs=2, fresh=True)["recipe"].tolist() == ["default"]
    assert capsys.readouterr().err.count("recipe 'by sex': nothing can be learnt") == 1


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_a_number_of_processes_that_is_none_is_refused(corpus, system, jobs):
    with pytest.raises(InputError, match=r"jobs is .*; expected a whole number"):
        evaluate(system, corpus, jobs=jobs)
    with pytest.raises(InputError, match="jobs is"):
        tune(lambda: system, corpus, {"default": {}}, jobs=jobs)


SCRIPT = """
import dataclasses, functools, sys
from ser_lib import evaluate, load_corpus
from ser_lib.features import FrontEnd, LogMel
from ser_lib.neural import NeuralClassifier
from ser_lib.systems.base import System

@dataclasses.dataclass(frozen=True)
class Layer:
    units: int = 4

    def build(self, item_shape, n_classes):
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Dense(self.units, activation="relu")(values)
        x = keras.layers.Dropout(0.2)(x)
        x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x)

def network(seed):
    return NeuralClassifier(Layer(), epochs=2, learning_rate=0.1, seed=seed)

front_end = FrontEnd(analysis=LogMel(n_mels=8))
system = System("mine", "Mine", front_end, network, "", (), (), "ours", {})
corpus = load_corpus("folder", data=sys.argv[1])
here, there = (
    evaluate(system, corpus, folds=2, jobs=jobs, fresh=True, progress=False) for jobs in (1, 2)
)
assert here.predictions.equals(there.predictions), (here.predictions, there.predictions)
assert len({p for p in here.predictions["p_anger"]}) > 2
"""


def run(script, *arguments, **options):
    environment = os.environ | parallel.REPRODUCIBLE
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_network_made_in_a_notebook_is_the_same_bit_for_bit(recordings, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = run(script, recordings)
    _, error = process.communicate()
    assert process.returncode == 0, error


SLEEP = """
import sys
sys.path.insert(0, sys.argv[3])
from ser_lib import evaluate, load_corpus
from witness import make_witness
evaluate(make_witness(sys.argv[2], "sleeps"), load_corpus("folder", data=sys.argv[1]), jobs=2)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no process groups")
def test_the_search_of_a_grid_stays_in_this_process(corpus, log):
    import joblib

    class Refusing(joblib.parallel.SequentialBackend):
        def configure(self, *arguments, **options):
            raise AssertionError("left this process")

    class Searching:
        def fit(self, X, y, **options):
            joblib.Parallel()(joblib.delayed(abs)(i) for i in range(2))
            return self

    with joblib.parallel_config(backend=Refusing()):
        trained(make_system(classifier=lambda seed: Searching()), corpus)

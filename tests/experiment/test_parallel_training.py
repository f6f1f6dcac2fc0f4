"""Folds and seeds side by side give what they give one after the other, and lose little."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tiny import Tiny
from witness import WitnessSystem, make_witness, pids

from ser_lib import evaluate, paths
from ser_lib.errors import InputError
from ser_lib.experiment import tune
from ser_lib.experiment.plan import prepare
from ser_lib.experiment.training import complete
from ser_lib.signal import WhiteNoise

HERE = os.getpid()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["train", "speaker"])
def test_workers_give_what_this_process_gives(corpus, log, normalisation):
    noisy = Tiny().front_end.degraded(WhiteNoise(snr=(10, 20)))
    system = make_witness(log, training_copies=(noisy,))
    options = {
        "normalisation": normalisation,
        "seeds": (0, 1),
        "conditions": {"noisy": WhiteNoise(snr=0)},
        "fresh": True,
    }
    here = evaluate(system, corpus, jobs=1, **options)
    assert set(pids(log)) == {HERE}
    log.unlink()
    there = evaluate(system, corpus, jobs=2, **options)
    pd.testing.assert_frame_equal(here.predictions, there.predictions, check_exact=True)
    assert here.record["specification"] == there.record["specification"]
    assert HERE not in pids(log)
    assert len(pids(log)) == 8
    for run in (*here.record["runs"], *there.record["runs"]):
        assert run["history"]["mapped"] == [True]
    # Nothing but results and features stays in the cache.
    names = {path.name for path in paths.cache().iterdir()}
    assert names - {"recordings.json"} == {"features", "evaluations", paths.CACHE_MARKER}


@pytest.mark.slow
def test_a_worker_that_dies_costs_what_was_being_trained(corpus, log):
    with pytest.raises(TerminatedWorkerError):
        evaluate(make_witness(log, "dies"), corpus, jobs=2)
    tried = len(pids(log))
    stored = len(list((paths.cache() / "evaluations").rglob("*.json")))
    evaluate(make_witness(log, "dies"), corpus, jobs=1)
    assert len(pids(log)) == tried + 4 - stored


@pytest.mark.slow
def test_trials_are_trained_side_by_side_and_fail_each_for_itself(corpus, log, capsys):
    trials = {"default": {"log": str(log)}, "by sex": {"log": str(log), "prefix": "sex"}}
    plain = tune(WitnessSystem, corpus, trials, seeds=(0,), jobs=1)
    log.unlink()
    table = tune(WitnessSystem, corpus, trials, seeds=(0,), jobs=2, fresh=True)
    assert len(pids(log)) == 6
    assert HERE not in pids(log)
    assert table["dev_loss"].tolist() == plain["dev_loss"].tolist()

    trials["by sex"]["trouble"] = "diverges"
    table = tune(WitnessSystem, corpus, trials, seeds=(0,), jobs=2, fresh=True)
    assert table["trial"].tolist() == ["default"]
    assert capsys.readouterr().err.count("trial 'by sex': the loss is not finite") == 1


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_process_with_other_code_refuses(corpus, system, jobs):
    plan = prepare(system, corpus, folds=2)
    code = plan.specification.code
    code = code._replace(files=code.files | {"experiment/fold.py": "0" * 12})
    plan = dataclasses.replace(plan, specification=plan.specification._replace(code=code))
    with pytest.raises(InputError, match=r"worker on .* has other code of ser_lib"):
        list(complete([plan], jobs=jobs, progress=False))


@pytest.mark.slow
def test_a_process_with_another_backend_refuses(corpus, system):
    import keras

    other = "jax" if keras.config.backend() == "tensorflow" else "tensorflow"
    plan = prepare(system, corpus, folds=2)
    content = plan.specification.content | {"backend": other}
    plan = dataclasses.replace(plan, specification=plan.specification._replace(content=content))
    with pytest.raises(InputError, match=f"computes with {keras.config.backend()}; expected"):
        list(complete([plan], jobs=1, progress=False))


SCRIPT = """
import dataclasses, sys
from ser_lib import evaluate, load_corpus
from ser_lib.neural import NeuralClassifier
sys.path.insert(0, sys.argv[2])
from tiny import Tiny

@dataclasses.dataclass(frozen=True)
class Layer:
    filters: int = 64

    def build(self, item_shape, n_classes):
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        # Large enough for several threads to take its sums in another order.
        x = keras.layers.Reshape((-1, *item_shape, 1))(values)
        x = keras.layers.Conv2D(self.filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.Conv2D(self.filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.Reshape((-1, item_shape[0] * self.filters))(x)
        x = keras.layers.Dropout(0.2)(x)
        x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x)

class Mine(Tiny):
    def classifier(self, seed=0):
        return NeuralClassifier(Layer(), epochs=3, learning_rate=0.01, seed=seed)

system = Mine()
corpus = load_corpus("folder", data=sys.argv[1])
here, there = (
    evaluate(system, corpus, folds=2, jobs=jobs, fresh=True, progress=False) for jobs in (1, 2)
)
assert here.predictions.equals(there.predictions), (here.predictions, there.predictions)
assert len({p for p in here.predictions["p_anger"]}) > 2
"""


def run(script, *arguments, **options):
    # As a user starts it: these tests themselves are run with one thread.
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_THREADS")}
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.slow
def test_a_network_made_in_a_notebook_is_the_same_bit_for_bit(recordings, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = run(script, recordings, Path(__file__).parent)
    _, error = process.communicate()
    assert process.returncode == 0, error


SLEEP = """
import sys
sys.path.insert(0, sys.argv[3])
from ser_lib import evaluate, load_corpus
from witness import make_witness
evaluate(make_witness(sys.argv[2], "sleeps"), load_corpus("folder", data=sys.argv[1]), jobs=2)
"""


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="this system has no /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_ends_its_workers_and_goes_on_later(
    corpus, recordings, log, tmp_path, number
):
    script = tmp_path / "script.py"
    script.write_text(SLEEP)
    process = run(script, recordings, log, Path(__file__).parent, start_new_session=True)
    evaluations = paths.cache() / "evaluations"
    # One of the two workers sleeps in the first fold; the other trains the rest.
    while len(list(evaluations.rglob("seed*.json"))) < 3:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode != 0
    while not all(ended(pid) for pid in pids(log)):
        time.sleep(0.05)
    assert len(pids(log)) == 4
    evaluate(make_witness(log), corpus, jobs=1)
    assert len(pids(log)) == 5

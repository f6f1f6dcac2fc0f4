"""Memory is measured; features larger than the memory are read batch by batch."""

import subprocess
import sys
import time

import pytest

from benchmarks import scale

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses memory beyond a limit")
def test_training_needs_less_memory_than_its_features(tmp_path):
    scale.write_features(tmp_path, 2**28)
    n_rows, _ = scale.peak_memory(scale.train_within, tmp_path, 2**27)
    assert n_rows == 4096


def test_what_a_process_allocates_is_measured():
    small, large = (scale.peak_memory(allocate, size)[1] for size in (1, 2**28))
    assert 0.9 * 2**28 < large - small < 1.5 * 2**28


def test_workers_of_an_earlier_computation_do_not_count():
    code = f"values = bytearray(b'1') * {2**28}; print(len(values), flush=True); input()"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as earlier:
        earlier.stdout.readline()
        beside = scale.peak_memory(allocate, 1)[1]
        earlier.communicate(b"\n")
    alone = scale.peak_memory(allocate, 1)[1]
    assert beside < alone + 0.5 * 2**28


def allocate(size):
    values = bytearray(b"1") * size
    time.sleep(0.3)
    return len(values)

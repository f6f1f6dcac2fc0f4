"""A corpus larger than the memory trains: what is mapped is read batch by batch."""

import sys

import pytest

from benchmarks import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses memory beyond a limit")
def test_training_needs_less_memory_than_its_features(tmp_path):
    memory.large_features(tmp_path, 2**28)
    done = memory.train_within(tmp_path, 2**27)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained on 4096 rows"


def test_what_a_process_allocates_is_seen():
    sizes = (1, 2**28)
    peaks = [memory.watched(_held, size)[1] for size in sizes]
    assert 0.9 * 2**28 < peaks[1] - peaks[0] < 1.5 * 2**28


def _held(size):
    import time

    held = bytearray(b"1") * size
    time.sleep(0.3)
    return len(held)

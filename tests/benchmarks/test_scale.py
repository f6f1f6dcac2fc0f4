"""Memory is measured; features larger than the memory are read batch by batch."""

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


def allocate(size):
    values = bytearray(b"1") * size
    time.sleep(0.3)
    return len(values)

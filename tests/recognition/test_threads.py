"""Matrix products are computed with one thread while a recording is recognised, and only then."""

import subprocess
import sys
import threading

import pytest
import threadpoolctl

from ser_lib.recognition import load
from ser_lib.recognition.threads import one_thread


def threads():
    """The numbers of threads of all libraries of matrix products."""
    found = threadpoolctl.threadpool_info()
    return {each["num_threads"] for each in found if each["user_api"] == "blas"}


def set_threads(number):
    # In a thread that has ended, as one that lives might be the only one allowed to set them.
    setting = threading.Thread(target=threadpoolctl.threadpool_limits, args=(number, "blas"))
    setting.start()
    setting.join()


@pytest.fixture(autouse=True)
def two():
    before = threads()
    set_threads(2)
    if threads() != {2}:
        pytest.skip("the libraries of matrix products cannot have two threads here")
    yield
    assert threads() == {2}
    set_threads(max(before))


def test_features_and_posteriors_are_computed_with_one_thread(speech, monkeypatch):
    recogniser, seen = load(), []
    front_end, classifier = recogniser.front_end, recogniser.classifier

    class Watched:
        sample_rate, feature_names = front_end.sample_rate, front_end.feature_names

        def __call__(self, *arguments):
            seen.append(threads())
            return front_end(*arguments)

    def watched(method):
        def call(features):
            seen.append(threads())
            return method(features)

        return call

    for name in ("predict_proba", "embed", "contributions"):
        monkeypatch.setattr(classifier, name, watched(getattr(classifier, name)))
    recogniser.front_end = Watched()
    recording = (speech[:32000], 16000)
    for method in (recogniser.predict, recogniser.embed, recogniser.contributions):
        method(recording)
        assert threads() == {2}
    assert seen == [{1}] * 6
    # Nor does it reach into what is done between results.
    for _ in recogniser.results([recording] * 3):
        assert threads() == {2}


@pytest.mark.parametrize("first", [True, False])
def test_of_several_threads_none_leaves_the_limit_behind(first):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    if first:
        thread.start()
        assert inside.wait(60)
    with one_thread():
        assert threads() == {1}
        if first:
            leave.set()
            thread.join()
        else:
            thread.start()
            assert inside.wait(60)
    assert threads() == {2}
    leave.set()
    thread.join()
    assert threads() == {2}


def test_the_limit_may_be_set_within_itself():
    with one_thread():
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_an_error_takes_the_limit_off():
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert threads() == {2}


def test_threads_at_once_give_what_one_gives(speech):
    recogniser = load()
    recordings = [(speech[start : start + 32000], 16000) for start in range(0, 96000, 16000)]
    expected = recogniser.predict(recordings)
    found = {}

    def predict(number):
        found[number] = recogniser.predict(recordings)

    several = [threading.Thread(target=predict, args=(number,)) for number in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert len(found) == 4
    assert all(table.equals(expected) for table in found.values())


def test_a_library_that_is_loaded_later_is_limited_as_well():
    code = (
        "from ser_lib.recognition.threads import one_thread\n"
        "import numpy, sys, threadpoolctl\n"
        "with one_thread(): pass\n"
        "before = threadpoolctl.threadpool_info()\n"
        "import scipy.linalg\n"
        "with one_thread(): after = threadpoolctl.threadpool_info()\n"
        "found = [each['num_threads'] for each in after if each['user_api'] == 'blas']\n"
        "sys.exit(0 if set(found) == {1} else f'{len(before)} {found}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_recognition_is_imported_without_looking_for_libraries():
    code = (
        "import sys, ser_lib.recognition, ser_lib.recognition.threads\n"
        "sys.exit('threadpoolctl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

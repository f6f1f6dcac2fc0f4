"""Whatever the bytes are: samples or an error with the path."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib.errors import InputError
from ser_lib.signal import decode

RATE = 8000
SIGNAL = np.random.default_rng(0).uniform(-0.4, 0.4, 4000)
CONTAINERS = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "float.wav": {"format": "WAV", "subtype": "FLOAT"},
    "aiff": {"format": "AIFF"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG"},
    "mp3": {"format": "MP3"},
    "au": {"format": "AU"},
    "caf": {"format": "CAF"},
    "w64": {"format": "W64"},
    "rf64": {"format": "RF64"},
}


def written(**options):
    file = io.BytesIO()
    soundfile.write(file, SIGNAL, RATE, **options)
    return file.getvalue()


WHOLE = {name: written(**options) for name, options in CONTAINERS.items()}
FEW = settings(max_examples=25, derandomize=True, deadline=None, database=None)


def judge(path, content):
    """Return whether it is accepted; anything but samples or an `InputError` is a failure."""
    path.write_bytes(content)
    error = None
    try:
        decode(path)
    except InputError as raised:
        error = str(raised)
    assert error is None or str(path) in error
    return error is None


@pytest.fixture(scope="module", params=CONTAINERS)
def recording(request, tmp_path_factory):
    return tmp_path_factory.mktemp("damage") / f"a.{request.param}", WHOLE[request.param]


@FEW
@given(data=st.data())
def test_changed_bytes_of_a_header(recording, data):
    path, content = recording
    content = bytearray(content)
    changes = st.dictionaries(st.integers(0, 120), st.integers(0, 255), min_size=1, max_size=8)
    for place, value in data.draw(changes).items():
        content[place] = value
    judge(path, content)


@FEW
@given(data=st.data())
def test_a_piece_taken_out_doubled_or_put_in(recording, data):
    path, content = recording
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    piece = data.draw(st.sampled_from([b"", 2 * content[start:end], content]) | st.binary())
    judge(path, content[:start] + piece + content[end:])


@pytest.mark.parametrize("name", CONTAINERS)
def test_undamaged_they_are_accepted(tmp_path, name):
    assert judge(tmp_path / f"a.{name}", WHOLE[name])


BEGINNINGS = [content[:44] for content in WHOLE.values()]


@FEW
@given(start=st.sampled_from(BEGINNINGS), cut=st.integers(0, 44), rest=st.binary(max_size=400))
def test_what_only_begins_like_a_recording(tmp_path_factory, start, cut, rest):
    judge(tmp_path_factory.getbasetemp() / "begin.wav", start[:cut] + rest)

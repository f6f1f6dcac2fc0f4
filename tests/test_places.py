"""Names stay inside their folder, and places that cannot be written are refused at once."""

import os

import pytest

from ser_lib.errors import InputError
from ser_lib.places import plain_name, require_folder, require_writable


@pytest.mark.parametrize("name", ["emodb", "a b", "Zoë", "crnn_attention", "x..y", "1"])
def test_names_of_files(name):
    assert plain_name("corpus", name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../outside", "/etc", "a/b", "a\\b", ".hidden", "a\nb", "a\0", "x" * 151, 3],
)
def test_names_that_lead_elsewhere_or_are_none(name):
    with pytest.raises(InputError, match=r"corpus .*expected the name of one folder or file"):
        plain_name("corpus", name)


def test_a_folder_that_can_be_written_stays_as_it_is(tmp_path):
    require_writable(tmp_path / "a" / "b", "the cache")
    assert list(tmp_path.iterdir()) == []
    assert require_folder(tmp_path / "a" / "b", "the cache") == tmp_path


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="file: is no folder; expected one for the cache"):
            require_writable(place, "the cache")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken")
    with pytest.raises(InputError, match="broken: is no folder"):
        require_writable(tmp_path / "broken" / "below", "the cache")


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    # Not by permissions, which do not bind the superuser.
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(InputError, match=r"nothing can be written here \(Permission denied\)"):
        require_writable(tmp_path / "new", "the cache")

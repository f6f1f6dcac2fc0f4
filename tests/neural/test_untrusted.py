"""Networks from elsewhere are numbers and layers, or they are refused before they are read."""

import zipfile

import h5py
import keras
import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.neural.untrusted import check_hdf5, check_network


@pytest.fixture
def network(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inputs))
    model.save(tmp_path / "network.keras")
    return tmp_path / "network.keras"


def changed(path, change, **members):
    """Write the archive again with another configuration, and further members."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    text = content["config.json"].decode()
    content["config.json"] = change(text).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | members).items():
            archive.writestr(name, data)


def test_a_network_of_layers_is_accepted(network):
    check_network(network)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Dense"', '"Lambda"', "names keras.layers.Lambda"),
        ('"Dense"', '"TFSMLayer"', "names keras.layers.TFSMLayer"),
        ('"module": "keras.layers", "class_name": "Dense"',
         '"module": "os", "class_name": "system"', "names os.system"),
        ('"module": "keras.layers", "class_name": "Dense"',
         '"module": "keras.config", "class_name": "enable_unsafe_deserialization"',
         "names keras.config.enable_unsafe"),
        ('"units": 2', '"units": 2000000000', "has units 2000000000"),
    ],
)  # fmt: skip
def test_other_classes_and_sizes_are_refused(network, old, new, message):
    def change(text):
        assert old in text
        return text.replace(old, new)

    changed(network, change)
    with pytest.raises(InputError, match=f"network.keras: {message}"):
        check_network(network)


def test_other_members_are_refused(network):
    changed(network, str, **{"assets/vocabulary.txt": b"x"})
    with pytest.raises(InputError, match=r"holds .*assets/vocabulary.txt"):
        check_network(network)


def test_weights_are_in_the_file_itself(tmp_path):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["layer/kernel"] = np.ones((3, 3))
        file["layer/empty"] = np.zeros(0)
    check_hdf5(tmp_path / "plain.h5", "plain.h5")
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["kernel"] = h5py.ExternalLink("plain.h5", "/layer/kernel")
    with pytest.raises(InputError, match=r"linked.h5: /kernel is linked"):
        check_hdf5(tmp_path / "linked.h5", "linked.h5")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("kernel", (10**6, 10**6), "f4", chunks=(10, 10))
    with pytest.raises(InputError, match=r"huge.h5: /kernel is .*not there"):
        check_hdf5(tmp_path / "huge.h5", "huge.h5")

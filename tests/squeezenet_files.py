"""Random weights of SqueezeNet v1.1 in a file as published, and its formulas in NumPy."""

import h5py
import numpy as np

# As the paper's authors list them for v1.1: squeeze and expand filters.
FIRE_MODULES = {
    2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128),
    6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256),
}  # fmt: skip


def random_weights(seed=0):
    """Weights of every layer by its name in the file, which keep the variance of their input."""
    rng = np.random.default_rng(seed)
    shapes, channels = {"conv1": (3, 3, 3, 64)}, 64
    for n, (squeeze, expand) in FIRE_MODULES.items():
        shapes[f"fire{n}/squeeze1x1"] = (1, 1, channels, squeeze)
        shapes[f"fire{n}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"fire{n}/expand3x3"] = (3, 3, squeeze, expand)
        channels = 2 * expand
    return {
        name: [
            rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype("float32"),
            rng.normal(0, 0.1, shape[-1]).astype("float32"),
        ]
        for name, shape in shapes.items()
    }


def write(path, weights):
    """Write a file with odd names of weights, and groups for layers without any."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(["input_1", *weights, "drop9"], dtype="S")
        for number, (layer, arrays) in enumerate(weights.items(), start=1):
            group = file.create_group(layer)
            names = [f"uniform{number}", f"{layer}_b"]
            group.attrs["weight_names"] = np.array(names[: len(arrays)], dtype="S")
            for name, array in zip(names, arrays, strict=False):
                group.create_dataset(name, data=array)
    return path


def _convolved(maps, kernel, bias, stride=1):
    side = len(kernel)
    patches = np.lib.stride_tricks.sliding_window_view(maps, (side, side), axis=(0, 1))
    patches = patches[::stride, ::stride]
    return np.maximum(np.einsum("hwcij,ijcf->hwf", patches, kernel) + bias, 0)


def _pooled(maps):
    return np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(0, 1))[::2, ::2].max(
        axis=(-2, -1)
    )


def by_formula(image, weights, last=9):
    """The map that each fire module gives for one image, by the number of the module."""
    maps, result = _convolved(image, *weights["conv1"], stride=2), {}
    for n in range(2, last + 1):
        maps = _pooled(maps) if n in (2, 4, 6) else maps
        maps = _convolved(maps, *weights[f"fire{n}/squeeze1x1"])
        padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
        branches = [
            _convolved(maps, *weights[f"fire{n}/expand1x1"]),
            _convolved(padded, *weights[f"fire{n}/expand3x3"]),
        ]
        maps = result[n] = np.concatenate(branches, axis=-1)
    return result

"""Small systems of every kind, recordings for them, and networks as they are after training."""

import numpy as np
from trained_weights import disturb

from ser_lib import systems
from ser_lib.features import RaggedArray
from ser_lib.neural.batching import assemble

QUICK = {"epochs": 1, "batch_size": 8, "augmented_copies": 0}
SMALL = {
    "acrnn_3d": {"convolutions": 2, "filters": (4, 6), "linear": 8, "units": 5},
    # AlexNet's convolutions have no sizes to choose.
    "alexnet": {"segment": 64, "kind": "logmelspec"},
    "blstm_attention": {"dense": 12, "units": 6},
    "cnn_lstm": {
        "filters": (4, 6), "pools": (4, 4), "lstm_units": 6, "bands": 16, "window": 32,
        "window_hop": 16,
    },
    "crnn_attention": {"filters": (4, 4, 6), "units": 6},
    "dcnn_blstm_attention": {
        "backbone": "squeezenet", "fire_modules": 3, "resize": 33, "units": 8,
    },
    "fcn_attention": {},
}  # fmt: skip
NEURAL = tuple(SMALL)

# Each network as it reads recordings by default and as published, and what else changes its layers.
CASES = {
    **{name: (name, "default", {}) for name in NEURAL},
    "acrnn_3d, segments": ("acrnn_3d", "default", {"segment": 50}),
    "acrnn_3d, as published": ("acrnn_3d", "as_published", {"segment": 60, "segment_hop": 20}),
    "alexnet, as published": ("alexnet", "as_published", {"head": (12, 6)}),
    "blstm_attention, as published": ("blstm_attention", "as_published", {}),
    "cnn_lstm, as published": ("cnn_lstm", "as_published", {}),
    "crnn_attention, as published": ("crnn_attention", "as_published", {"max_frames": 64}),
    "dcnn_blstm_attention, as published": ("dcnn_blstm_attention", "as_published", {}),
    "dcnn_blstm_attention, frozen": (
        "dcnn_blstm_attention", "default", {"weights": "file", "train": "head"},
    ),
    "dcnn_blstm_attention, fine-tuned": ("dcnn_blstm_attention", "default", {"weights": "file"}),
    "fcn_attention, as published": ("fcn_attention", "as_published", {"segment": 96}),
}  # fmt: skip
NO_DROPOUT = {"dropout": 0.0, "block_dropout": 0.0, "lstm_dropout": 0.0}


def make(case, weights=None, **parameters):
    """Make the small system of a case; `weights` is the file for those that start from one."""
    name, variant, options = CASES[case]
    options = QUICK | SMALL[name] | options
    if options.get("weights") == "file":
        options["weights"] = weights
    known = systems.get(name).parameter_names()
    parameters = {k: v for k, v in parameters.items() if k not in NO_DROPOUT or k in known}
    return systems.make(name, variant=variant, **options | parameters)


def noise(seconds, seed=0, sample_rate=16000):
    """Noise that swells and fades, so that neither spectrum nor level is the same throughout."""
    rng = np.random.default_rng(seed)
    n = int(sample_rate * seconds)
    level = 0.1 + 0.09 * np.sin(np.arange(n) / 3000 + seed)
    return (level * rng.normal(size=n)).clip(-1, 1).astype("float32")


def features(system, *durations, seed=0):
    """Features of noises of some durations in seconds."""
    front_end = system.front_end
    return RaggedArray.from_list(
        [
            front_end(noise(seconds, seed + i, front_end.sample_rate), "u")
            for i, seconds in enumerate(durations)
        ]
    )


def batch_of(X, padding=0, fill=0.0):
    """All rows in one batch, standardised as a whole, padded further by some items."""
    values, mask = assemble([X], np.arange(len(X)))
    items = values[mask]
    values = (values - items.mean()) / items.std()
    values[~mask] = fill
    around = [(0, 0), (0, padding), *[(0, 0)] * (values.ndim - 2)]
    values = np.pad(values, around, constant_values=fill).astype("float32")
    return {"values": values, "mask": np.pad(mask, around[:2])}


def network_of(system, item_shape, n_classes=3):
    """Build the network of a system, as after much training."""
    network = system.build(item_shape, n_classes)
    disturb(network)
    return network


def inside_attention(network, batch):
    """Give values and scores that go into a network's attention, and averages and weights."""
    import keras

    attention = network.get_layer("attention")
    outputs = [*attention.input[:2], *attention.output]
    return [np.asarray(x, float) for x in keras.Model(network.inputs, outputs)(batch)]


def as_if_trained(system, X, classes=("anger", "neutral", "sadness")):
    """Fit a classifier for one epoch on little, without compiling it, and disturb its weights."""
    import tensorflow as tf

    short = RaggedArray.from_list([row[:4] for row in X])
    labels = np.resize(classes, len(X))
    tf.config.run_functions_eagerly(True)
    try:
        classifier = system.classifier(0).fit(short, labels)
    finally:
        tf.config.run_functions_eagerly(False)
    disturb(classifier.network_)
    return classifier

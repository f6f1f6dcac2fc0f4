"""Weights of a network as after much training."""

import numpy as np


def disturb(network, seed=0):
    """
    Give a network weights as after much training: no layer gives next to nothing, none saturates.

    Right after a short training attention is even and posteriors hardly differ, which would hide
    what depends on padding.
    """
    rng = np.random.default_rng(seed)
    values = []
    for weight in network.weights:
        if "variance" in weight.name or "gamma" in weight.name:
            values.append(rng.uniform(0.5, 2, weight.shape))
        else:
            size = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
            values.append(rng.normal(0, 1.2 * size**-0.5, weight.shape))
    network.set_weights([value.astype("float32") for value in values])

"""Weights from ImageNet as the parameter of a system: by name, as a file, or by checksum."""

import os
import re

from ser_lib.neural.imagenet_weights import Weights, resolve_weights

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


def convert_weights(backbone: str, weights: str | os.PathLike | None) -> Weights | None:
    """
    Convert the parameter ``weights``; see `ser_lib.neural.imagenet_weights.resolve_weights`.

    Stored results and saved classifiers hold the checksum in place of a path. It makes the same
    system again, whose weights are looked for only when a network is built.
    """
    if isinstance(weights, str) and _CHECKSUM.fullmatch(weights):
        return weights if isinstance(weights, Weights) else Weights(weights)
    return resolve_weights(backbone, weights)

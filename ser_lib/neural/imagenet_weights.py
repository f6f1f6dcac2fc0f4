"""Published weights of backbones: identified by checksum, found or downloaded, loaded."""

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.neural.imagenet import BACKBONES

if TYPE_CHECKING:
    import keras

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


class Weights(str):
    """
    Weights identified by the checksum of their file, which is the text of this string.

    The identity of a front end or network with these weights does not depend on where the file is.

    Parameters
    ----------
    checksum : str
        ``"sha256:"`` or ``"md5:"`` and hexadecimal digits.
    path : path, optional
        The file on this machine; by default the published one, from the cache or downloaded.
    """

    path: Path | None

    def __new__(cls, checksum: str, path: str | os.PathLike | None = None) -> "Weights":
        """Make the string, and keep the path as an attribute."""
        self = super().__new__(cls, checksum)
        self.path = None if path is None else Path(path)
        return self


def resolve_weights(name: str, weights: str | os.PathLike | None) -> Weights | None:
    """
    Turn the parameter ``weights`` of a system into the checksum and path of a file.

    Stored results and saved classifiers hold the checksum in place of a path. It makes the same
    system again, whose weights are looked for only when a network is built.

    Parameters
    ----------
    name : str
        One of `BACKBONES`.
    weights : None, "imagenet", path, checksum or Weights
        None for random initialisation; ``"imagenet"`` for the published weights, which are taken
        from the cache, or downloaded when they are first needed; or a file.

    Raises
    ------
    InputError
        If the file does not exist.
    """
    if weights is None or isinstance(weights, Weights):
        return weights
    if weights == "imagenet":
        return Weights(BACKBONES[name].checksum)
    if isinstance(weights, str) and _CHECKSUM.fullmatch(weights):
        return Weights(weights)
    path = Path(weights).expanduser().resolve()
    if not path.is_file():
        raise InputError(
            f"weights is {os.fspath(weights)!r}; expected None, 'imagenet', or a file that exists"
        )
    stat = path.stat()
    return Weights(_checksum(path, stat.st_size, stat.st_mtime_ns), path)


@functools.lru_cache
def _checksum(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def weights_file(name: str, weights: Weights) -> Path:
    """
    Return the path of a backbone's weights; the published file is downloaded into the cache.

    Raises
    ------
    InputError
        If the file is not available.
    """
    from ser_lib.download import Remote, retrieve

    path = getattr(weights, "path", None)
    if path is not None:
        return path
    backbone = BACKBONES[name]
    if weights != backbone.checksum:
        raise InputError(
            f"weights is the checksum {weights}, not that of the published weights of {name}; "
            "expected the path of the file with this checksum"
        )
    folder = paths.cache_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    remote = Remote(backbone.url, backbone.checksum, backbone.url.rpartition("/")[2])
    try:
        return retrieve(remote, folder)
    except InputError as error:
        raise InputError(f"{error}; {remote.filename} may be put into {folder} by hand") from error


def load_weights(model: "keras.Model", name: str, weights: Weights) -> None:
    """
    Load the weights of a backbone, from `resolve_weights`, into its layers in a model.

    Raises
    ------
    InputError
        If the file is not available, or does not hold weights of this backbone.
    """
    arrays = BACKBONES[name].read(weights_file(name, weights))
    for layer in model.layers:
        if layer.name in arrays:
            layer.set_weights(arrays[layer.name])

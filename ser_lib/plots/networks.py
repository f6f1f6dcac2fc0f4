"""The figure and the table of a network: its layers, what they put out, and their parameters."""

import dataclasses
import re
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from ser_lib.errors import InputError
from ser_lib.plots.layout import figure, heading
from ser_lib.plots.style import ACCENT, CONTRAST, INK, MUTED, NOTE_SIZE, SERIES, text_colour

if TYPE_CHECKING:
    import keras

    from ser_lib.corpora import Corpus

_BACKBONES = {"alexnet": "AlexNet", "resnet50v2": "ResNet-50 V2", "squeezenet": "SqueezeNet"}
_ACTIVATIONS = {"relu": "ReLU", "elu": "ELU", "tanh": "tanh", "softmax": "softmax"}
_COLOURS = {
    "convolution": ACCENT,
    "recurrent": SERIES[2],
    "attention": CONTRAST,
    "dense": SERIES[3],
    "other": MUTED,
}
# Left and right end of the boxes, of the shapes and of the bars, in inches.
_BOX, _SHAPE, _BAR = (0.32, 4.5), 5.65, (6.05, 7.1)
_ROW = 0.5
_DETAILS = 80
"""Characters of details for which a box has room."""


@dataclasses.dataclass
class _Block:
    """A layer that a reader would name, with the activation, pooling and so on that follow it."""

    name: str
    kind: str
    details: list[str]
    shape: tuple[int | None, ...]
    parameters: int
    by_part: bool


def layer_table(system: object, corpus: "Corpus") -> pd.DataFrame:
    """
    List the layers of the network that a system trains on a corpus.

    Activation, normalisation, pooling and dropout are details of the layer before them; what
    computes the scores of an attention layer, or lies inside a backbone, is counted with it.

    Parameters
    ----------
    system : NeuralSystem
        A system of `ser_lib.systems` whose classifier is a network.
    corpus : Corpus
        Its first recording is the one whose shapes are listed; its emotions are the classes.

    Returns
    -------
    pd.DataFrame
        A row for each layer from the input on: ``layer, details, output, parameters``. The output
        is time x frequency x channels, time x features, or features; where each segment is read by
        itself, the number of segments stands before it.

    Raises
    ------
    InputError
        If the system has no network.
    """
    blocks = _blocks(system, corpus)
    columns = {
        "layer": [block.name for block in blocks],
        "details": [", ".join(block.details) for block in blocks],
        "output": [_shape(block) for block in blocks],
        "parameters": [block.parameters for block in blocks],
    }
    return pd.DataFrame(columns)


@figure
def network(system: object, corpus: "Corpus") -> Figure:
    """
    Show the network that a system trains on a corpus, layer by layer.

    Bars at the right show how many of its parameters each layer has; a frame surrounds the layers
    that read each segment of a recording by itself.

    Parameters
    ----------
    system, corpus
        As for `layer_table`.
    """
    blocks = _blocks(system, corpus)
    top = 0.25
    height = top + _ROW * len(blocks)
    fig, ax = plt.subplots(figsize=(7.4, height + 0.45))
    ax.set(xlim=(0, 7.1), ylim=(height, 0))
    ax.axis("off")
    small = {"fontsize": NOTE_SIZE, "color": MUTED, "va": "center"}
    ax.text(_SHAPE, top / 3, "output", ha="right", **small)
    ax.text(_BAR[1], top / 3, "parameters", ha="right", **small)
    _frame_parts(ax, [block.by_part for block in blocks], top, system.part)
    most = max(1, *(block.parameters for block in blocks))
    for row, block in enumerate(blocks):
        y = top + _ROW * row
        _draw_block(ax, block, y)
        if row:
            arrow = {"arrowstyle": "-|>", "color": MUTED, "shrinkA": 0, "shrinkB": 0, "lw": 0.8}
            middle = sum(_BOX) / 2
            ax.annotate("", (middle, y + 0.06), (middle, y - 0.06), arrowprops=arrow)
        ax.text(_SHAPE, y + _ROW / 2, _shape(block), ha="right", va="center", fontsize=8.5)
        if block.parameters:
            width = (_BAR[1] - _BAR[0]) * block.parameters / most
            bar = Rectangle((_BAR[1] - width, y + 0.3), width, 0.08)
            bar.set(facecolor=_COLOURS[block.kind], linewidth=0)
            ax.add_patch(bar)
            count = {"ha": "right", "va": "center", "fontsize": 8.5}
            ax.text(_BAR[1], y + 0.19, f"{block.parameters:,}", **count)
    total = sum(block.parameters for block in blocks)
    heading(ax, system.title, f"{total:,} parameters; outputs for {corpus.table.index[0]}")
    return fig


def _draw_block(ax: Axes, block: _Block, y: float) -> None:
    """Draw the box of a layer, its name and its details in it."""
    colour = np.array(to_rgb(_COLOURS[block.kind]))
    size = (_BOX[1] - _BOX[0], _ROW - 0.12)
    box = FancyBboxPatch((_BOX[0], y + 0.06), *size, boxstyle="round,pad=0,rounding_size=0.07")
    box.set(facecolor=0.12 * colour + 0.88, edgecolor=colour, linewidth=1)
    ax.add_patch(box)
    x, middle = _BOX[0] + 0.12, y + _ROW / 2
    look = {"va": "center", "fontweight": "bold", "color": text_colour(colour)}
    ax.text(x, middle - 0.08 * bool(block.details), block.name, fontsize=9, **look)
    details = ", ".join(block.details)
    # Smaller where it would be wider than the box.
    size = 7.2 * min(1, _DETAILS / max(1, len(details)))
    ax.text(x, middle + 0.09, details, fontsize=size, va="center", color=INK)


def _frame_parts(ax: Axes, by_part: list[bool], top: float, part: str) -> None:
    """Surround the layers that read each segment, or what the source calls it, by itself."""
    if not any(by_part):
        return
    first, last = by_part.index(True), len(by_part) - 1 - by_part[::-1].index(True)
    y, height = top + _ROW * first, _ROW * (last - first + 1)
    look = {"facecolor": "#f5f5f5", "edgecolor": "none", "zorder": 0}
    ax.add_patch(Rectangle((0.02, y + 0.01), _SHAPE + 0.12, height - 0.02, **look))
    look = {"rotation": 90, "ha": "center", "va": "center", "color": MUTED, "fontsize": 7.5}
    label = f"each {part} by itself" if height > 1.5 else f"{part}s"
    ax.text(0.16, y + height / 2, label, **look)


def _shape(block: _Block) -> str:
    """Write the shape of an output without the axis of the batch."""
    return " × ".join("n" if n is None else f"{n:,}" for n in block.shape[1:])


def _blocks(system: object, corpus: "Corpus") -> list[_Block]:
    """Build the network of a system for a corpus, and list what a reader would name in it."""
    if not hasattr(system, "build"):
        raise InputError(f"{system.name} has no network to show; expected a system with `build`")
    import keras

    from ser_lib.signal import decode

    name, path = corpus.table.index[0], corpus.table["path"].iloc[0]
    signal = decode(path, sample_rate=system.front_end.sample_rate).signal
    items = system.front_end(signal, name)
    model = system.build(items.shape[1:], len(np.unique(system.targets(corpus.table))))
    layers, parameters = _main_path(model)
    # What each layer would put out for this recording; nothing is computed.
    outputs = [keras.tree.flatten(layer.output)[0] for layer in layers]
    shapes = {"values": (1, *items.shape), "mask": (1, len(items))}
    probe = keras.Model(model.inputs, outputs)
    given = [keras.KerasTensor(shapes[x.name], dtype=x.dtype) for x in model.inputs]
    specs = keras.tree.flatten(probe.compute_output_spec(given))
    blocks, by_part, backbone = [], False, getattr(system, "backbone", None)
    for layer, count, spec in zip(layers, parameters, specs, strict=True):
        kind = type(layer).__name__
        by_part = (by_part or kind == "FoldWindows") and kind != "UnfoldWindows"
        named, inside = _named(layer), bool(backbone and by_part)
        if inside and kind == "FoldWindows":
            convolutions = sum(type(part).__name__ == "Conv2D" for part in model.layers)
            details = [f"{convolutions} convolutions"]
            named = _BACKBONES.get(backbone, backbone), "convolution", details
        elif inside and blocks[-1].by_part:
            named = None
        shape = (1, len(items), *spec.shape[1:]) if by_part else spec.shape
        if named is not None:
            blocks.append(_Block(*named, shape, count, by_part))
            continue
        block = blocks[-1]
        block.parameters += count
        # Values are padded and laid out for the layer that follows.
        laid_out = kind in ("Flatten", "ZeroPadding2D") or (kind == "Reshape" and len(blocks) > 1)
        if by_part == block.by_part and not laid_out:
            block.shape = shape
        if (detail := _detail(layer)) and not inside:
            block.details.append(detail)
    return blocks


def _main_path(model: "keras.Model") -> tuple[list["keras.Operation"], list[int]]:
    """
    List the layers through which everything goes from the values to the posteriors.

    With each comes the number of its parameters and of those on the branches that end in it: the
    scores of an attention layer, the convolutions beside a residual connection. Masks, which are
    boolean, are no branches.
    """
    import keras

    def tensors(nested: object) -> list["keras.KerasTensor"]:
        return [x for x in keras.tree.flatten(nested) if x.dtype != "bool"]

    maker = {id(x): op for op in model.operations for x in keras.tree.flatten(op.output)}
    sources = {
        op: {maker[id(x)] for x in tensors(op.input) if maker[id(x)] is not op}
        for op in model.operations
        if tensors(op.output)
    }
    before, needed = {}, {}
    while len(before) < len(sources):
        for op in sources:
            if op not in before and all(source in before for source in sources[op]):
                inputs = sources[op]
                before[op] = set().union(inputs, *(before[source] for source in inputs))
                needed[op] = {op}.union(
                    set.intersection(*(needed[source] for source in inputs)) if inputs else ()
                )
    (posteriors,) = (maker[id(x)] for x in keras.tree.flatten(model.outputs))
    path = sorted(needed[posteriors], key=lambda op: len(before[op]))
    counted, numbers = set(), []
    for op in path:
        own = ({op} | before[op]) - counted
        counted |= own
        numbers.append(sum(o.count_params() for o in own if isinstance(o, keras.Layer)))
    return path, numbers


def _named(layer: "keras.Operation") -> tuple[str, str, list[str]] | None:
    """Name a layer as a reader would, with its kind and details; None for a detail of another."""
    kind = type(layer).__name__
    if kind == "InputLayer":
        return "Input", "other", []
    if kind in ("LocalFeatureBlock", "SequenceFeatureBlock"):
        activation = "ELU" if kind == "LocalFeatureBlock" else "ReLU"
        details = [f"{layer.filters} filters of {layer.side} × {layer.side}"]
        details += ["batch normalisation", activation, f"max-pooling {layer.pool} × {layer.pool}"]
        return "Convolution", "convolution", details
    if kind == "Conv2D":
        details = [f"{layer.filters} filters of {_sides(layer.kernel_size)}"]
        if max(layer.strides) > 1:
            stride = _sides(layer.strides) if len(set(layer.strides)) > 1 else layer.strides[0]
            details.append(f"stride {stride}")
        return "Convolution", "convolution", details
    if kind == "LSTM":
        return "LSTM", "recurrent", [f"{layer.units} units"]
    if kind == "Bidirectional":
        return "Bidirectional LSTM", "recurrent", [f"{layer.forward_layer.units} units each way"]
    if kind == "AttentionPooling":
        cells = len(layer.output[1].shape) > 2
        over = "time and frequency" if cells else "time"
        return "Attention", "attention", [f"weighted mean over {over}"]
    if kind == "Dense":
        details = [f"{layer.units:,} units"]
        activation = layer.activation.__name__
        if activation != "linear":
            details.append(_ACTIVATIONS.get(activation, activation))
        return ("Posteriors" if layer.name == "posteriors" else "Dense"), "dense", details
    if kind.startswith("GlobalAveragePooling"):
        return "Mean over time and frequency", "other", []
    if kind in ("Functional", "Sequential", "Model"):
        return f"Network {layer.name}", "convolution", [f"{len(layer.layers)} layers"]
    if getattr(layer, "weights", None) and not kind.endswith("BatchNormalization"):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).capitalize(), "other", []
    return None


def _detail(layer: "keras.Operation") -> str:
    """Say in a few words what a layer without a name of its own adds to the one before it."""
    kind = type(layer).__name__
    if kind.endswith("BatchNormalization"):
        return "batch normalisation"
    if kind == "Activation":
        return _ACTIVATIONS.get(layer.activation.__name__, layer.activation.__name__)
    if kind == "MaxPooling2D":
        stride = "" if layer.strides == layer.pool_size else f", stride {layer.strides[0]}"
        return f"max-pooling {_sides(layer.pool_size)}{stride}"
    if kind == "Einsum":  # of ser_lib.neural.torchvision.adaptive_average
        return f"adaptive averages {_sides(layer.output.shape[1:3])}"
    if kind in ("Dropout", "SpatialDropout2D") and layer.rate:
        return f"dropout {layer.rate:g}"
    return {"ReLU": "ReLU", "LeakyReLU": "leaky ReLU", "ELU": "ELU"}.get(kind, "")


def _sides(sides: tuple[int, int]) -> str:
    return f"{sides[0]} × {sides[1]}"

"""The layers of every system's network are listed with their outputs and parameters."""

import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from plots.gallery import texts
from ser_lib import load_corpus, plots, systems
from ser_lib.errors import InputError

pytestmark = pytest.mark.slow

NETWORKS = (
    *("cnn_lstm", "blstm_attention", "crnn_attention", "fcn_attention", "alexnet"),
    *("acrnn_3d", "dcnn_blstm_attention"),
)
WITHOUT_WEIGHTS = {"dcnn_blstm_attention": {"weights": None}}


@pytest.fixture(scope="module")
def corpus():
    return load_corpus("synthetic", speakers=1, takes=1)


def make(name, variant="default", **changes):
    return systems.make(name, variant=variant, **WITHOUT_WEIGHTS.get(name, {}) | changes)


def parameters_of(system, corpus):
    items = system.front_end(corpus.table["path"].iloc[0], corpus.table.index[0])
    return system.build(items.shape[1:], len(corpus.classes)).count_params()


@pytest.mark.parametrize("variant", systems.base.VARIANTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_of_every_network_is_in_a_layer_with_a_name(name, variant, corpus):
    if (name, variant) == ("dcnn_blstm_attention", "as_published"):
        variant = "default"  # a ResNet takes long to build
    system = make(name, variant)
    table = plots.layer_table(system, corpus)
    assert table["parameters"].sum() == parameters_of(system, corpus)
    assert table["layer"].iloc[0] == "Input"
    assert table.iloc[-1]["layer"] == "Posteriors"
    assert table.iloc[-1]["output"].split(" × ")[-1] == str(len(corpus.classes))
    assert not table["layer"].str.contains("[_0-9]").any()


def test_layers_are_listed_as_a_paper_would(corpus):
    table = plots.layer_table(make("crnn_attention"), corpus)
    assert table["layer"].tolist() == [
        *("Input", "Convolution", "Convolution", "Convolution"),
        *("Bidirectional LSTM", "Attention", "Dense", "Posteriors"),
    ]
    # Each block halves frames, rounded up, and bands.
    steps = math.ceil(int(table["output"][0].split(" × ")[0]) / 8)
    assert table["output"][3] == f"{steps} × 5 × 32"
    assert table["details"][1] == "8 filters of 5 × 5, batch normalisation, ReLU, max-pooling 2 × 2"
    # Kernel, bias, scale and shift, moving mean and variance.
    assert table["parameters"][1] == 8 * (5 * 5 + 1 + 2 + 2)
    # Of attention only its scores have weights.
    assert table["parameters"][5] == 128 + 1


def test_a_backbone_is_one_layer(corpus):
    table = plots.layer_table(make("dcnn_blstm_attention"), corpus)
    assert table["layer"][1] == "SqueezeNet"
    assert table["details"][1].startswith("19 convolutions")


def test_the_segments_stand_before_what_each_of_them_gives(corpus):
    table = plots.layer_table(make("alexnet", segment=63), corpus)
    segments = int(table["output"][0].split(" × ")[0])
    assert segments > 1
    assert table["output"].str.startswith(f"{segments} × ").all()
    assert table["output"].iloc[-2] == f"{segments} × 256"
    # Squares of 3 x 3 that lie two apart, and cells of one number for any map.
    assert table["details"][1].endswith("max-pooling 3 × 3, stride 2")
    assert table["details"][5].endswith("max-pooling 3 × 3, stride 2, adaptive averages 6 × 6")
    assert table["output"][5] == f"{segments} × 6 × 6 × 256"


def residual(item_shape, n_classes):
    """A dense layer beside a shortcut, and a network inside the network."""
    import keras
    from keras import layers

    inner = keras.Sequential([layers.Input((8,)), layers.Dense(8)], name="inner")
    values = keras.Input((None, *item_shape), name="values")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = layers.Dense(8)(values)
    x = layers.Add()([x, layers.Dense(8)(x)])
    x = inner(layers.LSTM(8)(x, mask=mask))
    outputs = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
    return keras.Model({"values": values, "mask": mask}, outputs)


def test_branches_count_with_the_layer_before_and_inner_networks_are_one_layer(corpus):
    front_end = make("blstm_attention").front_end
    system = SimpleNamespace(
        build=residual, front_end=front_end, targets=lambda table: table["emotion"], title="T"
    )
    table = plots.layer_table(system, corpus)
    assert table["layer"].tolist() == ["Input", "Dense", "LSTM", "Network inner", "Posteriors"]
    # Both dense layers.
    assert table["parameters"][1] == (34 + 1) * 8 + (8 + 1) * 8
    assert table["parameters"][3] == (8 + 1) * 8


def test_the_figure_says_what_the_table_says(corpus):
    system = make("cnn_lstm")
    figure = plots.network(system, corpus)
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    written = texts(figure)
    for row in plots.layer_table(system, corpus).itertuples():
        assert row.layer in written
        assert row.output in written
        assert not row.parameters or f"{row.parameters:,}" in written


@pytest.mark.parametrize(("name", "part"), [("cnn_lstm", "window"), ("alexnet", "segment")])
def test_stretches_have_the_name_that_the_source_gives_them(corpus, name, part):
    assert f"each {part} by itself" in texts(plots.network(make(name), corpus))


def test_a_system_without_a_network_is_refused(corpus):
    with pytest.raises(InputError, match="svm has no network to show"):
        plots.layer_table(systems.make("svm"), corpus)

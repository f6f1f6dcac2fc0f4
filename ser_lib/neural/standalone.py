"""Networks of the systems as ordinary Keras models, for arrays instead of ragged rows."""

from typing import TYPE_CHECKING

from ser_lib.errors import InputError

if TYPE_CHECKING:
    import keras


def plain_model(model: "keras.Model", *, items: int | None = None) -> "keras.Model":
    """
    Wrap a network with the inputs ``values`` and ``mask`` into a model with one input.

    The result is compiled, fitted and saved like any other Keras model, and shares its weights with
    the network. To load it, call ``ser_lib.neural.saving.register_layers()`` first.

    Parameters
    ----------
    model : keras.Model
        From the method ``build`` of a system; see `ser_lib.neural`.
    items : int, optional
        Number of items (segments or frames) of each recording; by default one item each, without an
        axis for it.

    Returns
    -------
    keras.Model
        From arrays of shape (batch, *item) or, with `items`, (batch, items, *item) to posteriors,
        shape (batch, n_classes).

    Raises
    ------
    InputError
        If the model does not have these two inputs, or `items` is not an integer of at least 1.

    Examples
    --------
    >>> network = ser_lib.systems.DcnnBlstmAttention().build((64, 64, 3), 7)  # doctest: +SKIP
    >>> model = plain_model(network, items=8)  # doctest: +SKIP
    >>> model.compile("adam", "sparse_categorical_crossentropy")  # doctest: +SKIP
    >>> model.fit(x, y)  # x of shape (n, 8, 64, 64, 3)  # doctest: +SKIP
    """
    import keras

    from ser_lib.neural.masking import OnesMask

    names = [tensor.name for tensor in model.inputs]
    if sorted(names) != ["mask", "values"]:
        raise InputError(f"model has the inputs {', '.join(names)}; expected values and mask")
    if items is not None and (not isinstance(items, int) or items < 1):
        raise InputError(f"items is {items!r}; expected an integer of at least 1, or None")
    item_shape = model.inputs[names.index("values")].shape[2:]
    x = keras.Input(item_shape if items is None else (items, *item_shape), name="x")
    values = keras.layers.Reshape((1, *item_shape))(x) if items is None else x
    posteriors = model({"values": values, "mask": OnesMask()(values)})
    return keras.Model(x, posteriors, name=model.name)

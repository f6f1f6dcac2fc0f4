"""
Three of the networks in plain Keras, as in the repositories that they come from.

Every recording is padded to one length, and every window goes through the layers one by one. The
weights are those of our networks, layer by layer in the same order, so that
``plain.set_weights(ours.get_weights())`` makes the two the same function; a test checks it.
"""

import functools

import keras
import numpy as np
from keras import layers

from ser_lib.features import RaggedArray

_pad = functools.partial(
    keras.utils.pad_sequences, dtype="float32", padding="post", truncating="post"
)


def image(features: RaggedArray, length: int) -> np.ndarray:
    """Pad every row to `length` items with zeros; shape (rows, length, *item, 1)."""
    return _pad(list(features), length)[..., np.newaxis]


def masked_input(features: RaggedArray, length: int) -> list[np.ndarray]:
    """Pad with -100 as the BLSTM's source does, and add its constant second input."""
    constant = np.full((len(features), 256), 1 / 256, np.float32)
    return [_pad(list(features), length, value=-100.0), constant]


def cnn_lstm(windows: int, item_shape: tuple[int, int], classes: int) -> keras.Model:
    """maelfabien/Multimodal-Emotion-Recognition: every layer under TimeDistributed."""
    x = inputs = keras.Input((windows, *item_shape, 1))
    for filters, pool in ((64, 2), (64, 4), (128, 4), (128, 4)):
        for layer in (
            layers.Conv2D(filters, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("elu"),
            layers.MaxPooling2D(pool, padding="same"),
            layers.Dropout(0.2),
        ):
            x = layers.TimeDistributed(layer)(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.LSTM(256, dropout=0.2)(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def blstm_attention(frames: int, item_shape: tuple[int], classes: int) -> keras.Model:
    """RayanWang/Speech_emotion_recognition_BLSTM: padded with -100, masked for the LSTM."""
    inputs = keras.Input((frames, *item_shape))
    constant = keras.Input((256,))
    x = layers.Masking(-100.0)(inputs)
    for _ in range(2):
        x = layers.Dropout(0.5)(layers.Dense(512, activation="relu")(x))
    steps = layers.Bidirectional(layers.LSTM(128, dropout=0.5, return_sequences=True))(x)
    vector = layers.Dense(256, activation="softmax")(constant)
    weights = layers.Softmax()(layers.Dot(axes=(2, 1))([steps, vector]))
    pooled = layers.Dot(axes=1)([steps, weights])
    return keras.Model([inputs, constant], layers.Dense(classes, activation="softmax")(pooled))


def crnn_attention(frames: int, item_shape: tuple[int], classes: int) -> keras.Model:
    """ki4ai-skc/merc2020, with the attention of its README: one scorer for all steps."""
    x = inputs = keras.Input((frames, *item_shape, 1))
    for filters in (8, 16, 32):
        x = layers.Conv2D(filters, 5, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2)(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    steps = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
    scores = layers.Flatten()(layers.Dense(1)(steps))
    pooled = layers.Dot(axes=1)([steps, layers.Softmax()(scores)])
    x = layers.Dropout(0.5)(layers.Dense(64, activation="relu")(pooled))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))

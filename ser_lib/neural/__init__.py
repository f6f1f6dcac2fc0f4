"""
From arrays to posteriors: layers, backbones, batches, and one classifier around any network.

Keras is imported when a network is built, not before, so that a system can be described without
it. Importing this package lets networks compute with one thread and share a GPU
(`ser_lib.executor.prepare_process`), so that a training repeats bit for bit; set
``TF_NUM_INTRAOP_THREADS`` and ``TF_NUM_INTEROP_THREADS`` before for more threads, and other last
digits.

A network is described by a frozen dataclass whose method ``build(item_shape, n_classes)`` returns
a `keras.Model`. `NeuralClassifier` trains and applies any such network, and relies on this:

- Inputs: ``values``, float32, shape (batch, n, *item_shape), zero where padded; and ``mask``, bool,
  shape (batch, n), true for items of a recording, which come first, and false for padding. Both n
  and the size of a batch vary.
- Output: posteriors, shape (batch, n_classes), which sum to one; usually the layer ``posteriors``.
  Those of a recording must not depend on the padding.
- The layer ``attention``, where there is one, is a `ser_lib.neural.attention.AttentionPooling` (or
  has like it the weights as its second output); `NeuralClassifier.attention` reads it.
- The layer ``bottleneck``, where there is one, gives a vector per recording;
  `NeuralClassifier.embed` reads it by default.
- Layers of its own are registered by `keras.saving.register_keras_serializable`. All layers that
  are defined in modules of this package are known where a saved network is loaded.
"""

from ser_lib import executor
from ser_lib.neural.classifier import NeuralClassifier
from ser_lib.neural.standalone import plain_model

executor.prepare_process()

__all__ = ["NeuralClassifier", "plain_model"]

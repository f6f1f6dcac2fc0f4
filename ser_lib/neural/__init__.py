"""
From arrays to posteriors: layers, batches, and one classifier around any network (Keras 3).

Keras itself is imported when a network is built, not before, so that a system can be described
without it.
"""

from ser_lib.neural.classifier import NeuralClassifier

__all__ = ["NeuralClassifier"]

"""What a process imports before commands are forked from it (see `commands`)."""

import matplotlib

matplotlib.use("agg")

import sklearn.feature_selection
import sklearn.model_selection
import sklearn.pipeline  # noqa: F401

import ser_lib.cli
import ser_lib.experiment.tuning
import ser_lib.plots
import ser_lib.recognition.commands
import ser_lib.recognition.recogniser
import ser_lib.recognition.training
import ser_lib.reporting.build
import ser_lib.systems  # noqa: F401

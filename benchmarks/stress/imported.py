"""What a process imports before commands are forked from it (see `commands`)."""

import matplotlib

matplotlib.use("agg")

import sklearn.feature_selection  # noqa: E402, F401
import sklearn.model_selection  # noqa: E402, F401
import sklearn.pipeline  # noqa: E402, F401

import ser_lib.cli  # noqa: E402, F401
import ser_lib.experiment.tuning  # noqa: E402, F401
import ser_lib.plots  # noqa: E402, F401
import ser_lib.recognition.commands  # noqa: E402, F401
import ser_lib.recognition.recogniser  # noqa: E402, F401
import ser_lib.recognition.training  # noqa: E402, F401
import ser_lib.reporting.build  # noqa: E402, F401
import ser_lib.systems  # noqa: E402, F401

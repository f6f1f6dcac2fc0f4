"""Parameters of systems that are trained in a blink, if not well."""

QUICK_SVM = {"C": (3,), "gamma": (0.001,), "folds": 2, "alpha": 1.0, "components": 4}
QUICK_NETWORK = {"epochs": 1, "batch_size": 16, "filters": (4, 4, 6), "units": 6, "bottleneck": 5}

"""What the kernels of notebooks under test run under: outputs without progress bars."""

import os

# A kernel inherits the environment of pytest. A bar appears or not, depending on speed and cache,
# in a cell whose output is compared.
os.environ.setdefault("TQDM_DISABLE", "1")

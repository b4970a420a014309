"""From graph to PyTorch: the source of the module, building it, comparing with it.

The only room that may import torch, and only where a module is built.
"""

import os
import warnings

# PyTorch says so while it is imported where NumPy is missing; nothing here needs it.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

# It says so of every lstm with a projection, whose steps are then run one by one, as they are counted here.
warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")

# PyTorch's profiler otherwise writes its own log lines between ours.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

"""From graph to PyTorch: the source of the module, building it, comparing with it.

No other room imports torch, and this one only where a module is built.
"""

import os
import warnings

# PyTorch warns on import when NumPy is missing; nothing here needs NumPy.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

# It warns about every LSTM with a projection, which it then runs step by step; that is also how it is counted here.
warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")

# Otherwise PyTorch's profiler writes log lines between ours.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

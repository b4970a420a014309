"""What a processor must have for the rules of its kernels to hold."""

from __future__ import annotations

import pytest
import torch

needs_avx512 = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="the rules are those of oneDNN's kernels for AVX-512"
)
HAS_BF16: bool = torch.cpu._is_avx512_bf16_supported()  # type: ignore[attr-defined]
needs_bf16 = pytest.mark.skipif(
    not HAS_BF16,
    reason="the rules are those of oneDNN's kernels for AVX-512 with bf16",
)

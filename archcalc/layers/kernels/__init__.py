"""What PyTorch's kernels need and keep in addition to a layer's inputs and outputs, on the processor that runs them.

Nothing here says what a layer computes. A layer describes itself to the kernel that runs it (`Convolving`, `Cells`,
`Passing`) and asks that for `passing()`, the bytes needed temporarily forward and backward. Only memory estimates do
so, hence layers import this package on demand. Source: PyTorch 2.13 on x86 with AVX-512; oneDNN 3.12.
"""

"""Benchmarks of CPU time, memory, latency and robustness, beside peers.

`python -m benchmarks` measures everything in README.md; `benchmarks.microphone` and
`benchmarks.stream` run longer, `benchmarks.gpu` needs an NVIDIA GPU.
"""

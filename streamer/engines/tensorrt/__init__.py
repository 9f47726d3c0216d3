"""TensorRT: build, cache and run engines for NVIDIA GPUs."""

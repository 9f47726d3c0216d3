"""What things cost and how they behave for long; peers that benchmarks and tests share.

`python -m benchmarks` measures what README.md here tells; `... .microphone` and `... .stream` are
the long ones; `... .gpu` is for the owner of an NVIDIA GPU.
"""

"""The DAMER network, pseudo labels and memory, in torch."""

from damer.nn.dsaf import DSAFLayer
from damer.nn.network import DAMER, FusedOutput, NetworkOutput, NetworkSize
from damer.nn.tokens import ConvolutionalTokens, PatchTokens

__all__ = [
    "DAMER",
    "ConvolutionalTokens",
    "DSAFLayer",
    "FusedOutput",
    "NetworkOutput",
    "NetworkSize",
    "PatchTokens",
]

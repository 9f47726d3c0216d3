"""The DAMER network, pseudo labels and memory, in torch."""

from damer.nn.dsaf import DSAFLayer, ViewTokens
from damer.nn.network import DAMER, FusedOutput, NetworkOutput, NetworkSize

__all__ = ["DAMER", "DSAFLayer", "FusedOutput", "NetworkOutput", "NetworkSize", "ViewTokens"]

"""The networks of DAMER, in torch."""

from damer.nn.dsaf import DSAFLayer, ViewTokens
from damer.nn.network import DAMER, HeadOutput, NetworkOutput, NetworkSize

__all__ = ["DAMER", "DSAFLayer", "HeadOutput", "NetworkOutput", "NetworkSize", "ViewTokens"]

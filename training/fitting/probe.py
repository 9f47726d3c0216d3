"""Heads begin at a ridge regression on what the student already hears.

Linear probing before fine-tuning (Kumar et al., ICLR 2022): random heads would first pull what was
learnt out of shape, and fits that begin alike have weights that can be averaged.
"""

import torch
from torch import Tensor

from damer.nn import DAMER
from damer.nn.network import Head
from training.fitting.recipe import FitRecipe
from training.fitting.sampling import LabelledSampler, first_batches

_BATCHES = 24
_RIDGE = 0.1  # of the number of windows, for embeddings of about unit variance
_STEEPEST = 0.95  # labels are brought before the heads' tanh


@torch.inference_mode()
def begin_heads(network: DAMER, sampler: LabelledSampler, recipe: FitRecipe) -> None:
    """Set the mean of the fused and the view heads by ridge regression on the training music."""
    network.eval()
    outputs, labels = [], []
    for chances in first_batches(0, _BATCHES, recipe.batch):
        batch = sampler.batch(chances)
        output = network(batch.mel, batch.cochleagram)
        outputs.append((output.embedding, output.mel_embedding, output.cochleagram_embedding))
        labels.append(batch.label)
    wanted = torch.cat(labels).clamp(-_STEEPEST, _STEEPEST).atanh()
    heads = (network.fused_head, network.mel_head, network.cochleagram_head)
    for head, parts in zip(heads, zip(*outputs, strict=True), strict=True):
        _regress(head, torch.cat(parts), wanted)


def _regress(head: Head, embedding: Tensor, wanted: Tensor) -> None:
    centre, level = embedding.mean(dim=0), wanted.mean(dim=0)
    centred = embedding - centre
    ridge = _RIDGE * len(embedding) * torch.eye(embedding.shape[1])
    slope = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ (wanted - level))
    head.mean.weight.copy_(slope.T)
    head.mean.bias.copy_(level - centre @ slope)

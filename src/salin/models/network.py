"""The network of a tagger: a Hugging Face token classifier, and a CRF where the head is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.models.crf import ConditionalRandomField
from salin.models.decoding import Chain, legal_chain
from salin.models.linear import quick_linear


class PieceScorer(Protocol):
    """All that tagging needs of a network: a `TaggingNetwork`, or an `OnnxNetwork` of one that was exported."""

    @property
    def chain(self) -> Chain:
        """The scores between tags that decoding uses."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its inputs have to be."""
        ...

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of each tag at each piece, `[rows, length, tags]`, for `[rows, length]` inputs."""
        ...


class TaggingNetwork(nn.Module):
    """Pieces in, tag scores out.

    Args:
        classifier: A stock `*ForTokenClassification`.
        tags: Tag names, in the order of its logits.
        crf: Whether a linear chain stands on top of the logits.
    """

    def __init__(self, classifier: PreTrainedModel, tags: Sequence[str], *, crf: bool = False):
        super().__init__()
        self.classifier = classifier
        self.crf = ConditionalRandomField(tags) if crf else None
        self._legal = legal_chain(tags)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of each tag at each piece, `[rows, length, tags]`, for `[rows, length]` inputs."""
        if self.training:
            return self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        with quick_linear():
            return self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits

    @property
    def chain(self) -> Chain:
        """The scores between tags that decoding uses."""
        return self.crf.chain if self.crf is not None else self._legal

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device

"""The network of a tagger: a Hugging Face token classifier, and a CRF where the head is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from salin.errors import SettingError
from salin.models.crf import ConditionalRandomField
from salin.models.decoding import Chain, legal_chain
from salin.models.linear import quick_linear
from salin.models.settings import Head


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
        classifier: A stock `*ForTokenClassification`, or a byte-level one of salin's own.
        tags: Tag names, in the order of its logits.
        head: Whether a linear chain stands on top of the logits, and which.
        right_context: Whether each piece of a decoder sees what stands on its right as well: its blocks are given a
            mask that hides padding alone.

    Raises:
        SettingError: When the classifier cannot have one, or sees both sides already.
    """

    def __init__(
        self, classifier: PreTrainedModel, tags: Sequence[str], *, head: Head = "softmax", right_context: bool = False
    ):
        super().__init__()
        self.classifier = classifier
        if head != "softmax" and self.gives_log_probabilities:
            raise SettingError("this network scores words by their bytes, and has no place for a CRF: leave it out")
        if right_context and not _is_causal(classifier):
            raise SettingError("right context is for decoders; this network sees both sides already: leave it out")
        self.crf = ConditionalRandomField.of(head, tags)
        self.right_context = right_context
        self._legal = legal_chain(tags)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of each tag at each piece, `[rows, length, tags]`, for `[rows, length]` inputs."""
        if self.right_context:
            attention_mask = _both_sides(attention_mask, next(self.parameters()).dtype)
        if self.training:
            return self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        with quick_linear():
            return self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits

    @property
    def gives_log_probabilities(self) -> bool:
        """Whether its scores are log-probabilities already, of what need not be one of the tags (CharNER's labels)."""
        return getattr(self.classifier, "gives_log_probabilities", False)

    @property
    def chain(self) -> Chain:
        """The scores between tags that decoding uses."""
        return self.crf.chain if self.crf is not None else self._legal

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device


def _is_causal(classifier: PreTrainedModel) -> bool:
    return any(getattr(module, "is_causal", False) for module in classifier.modules())


def _both_sides(attention_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What a decoder adds to its attention scores instead of its causal mask, `[rows, 1, length, length]`."""
    padding = (attention_mask == 0)[:, None, None]
    return (
        torch.zeros_like(padding, dtype=dtype)
        .masked_fill(padding, torch.finfo(dtype).min)
        .expand(-1, -1, attention_mask.shape[1], -1)
    )

"""CharNER over bytes: a label for each byte of a sentence (Kuru et al. 2016, Mueller et al. 2020; SPECS 3.3b).

A byte has a type, or `O`; there are no `B-` and `I-`. All bytes of a word have the same one, and so has the space
between two words of an entity; any other space is `O`. A word's tag then says what its bytes are and what the space
before it is, so that its score is the sum of their log-probabilities, and the best legal sequence of tags is what
Viterbi finds over bytes where labels change only at spaces: the published decoding, by the chain that all taggers have.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import TokenClassifierOutput

from salin.encoding import Bytes
from salin.encoding.bytes import BOUNDARY
from salin.models.byte_bilstm import ByteClassifier
from salin.models.byte_config import CharnerConfig
from salin.models.byte_words import ByteWords
from salin.models.decoding import FORBIDDEN
from salin.models.recurrent import run_lstm


class CharnerBytes(nn.Module):
    """Reads sentences by their bytes.

    Args:
        config: Its sizes.
    """

    def __init__(self, config: CharnerConfig):
        super().__init__()
        self.byte_dropout, self.output_dropout = config.byte_dropout, config.output_dropout
        self.embedding = nn.Embedding(len(Bytes()), config.byte_embedding)
        self.lstm = nn.LSTM(
            config.byte_embedding, config.byte_hidden, config.byte_layers, batch_first=True, bidirectional=True,
            dropout=config.dropout if config.byte_layers > 1 else 0.0,
        )  # fmt: skip

    def forward(self, pieces: Tensor, lengths: Tensor) -> Tensor:
        """A vector of each byte in its sentence, `[sum of lengths, 2 * byte_hidden]`.

        Args:
            pieces: Of sentences one behind another, `[sum of lengths]`.
            lengths: Of each sentence, `[sentences]`.
        """
        seen = functional.dropout(torch.ones_like(pieces, dtype=torch.float32), self.byte_dropout, self.training)
        states, _ = run_lstm(self.lstm, self.embedding(pieces) * seen[:, None], lengths)
        return functional.dropout(states, self.output_dropout, self.training)


class CharnerForTokenClassification(ByteClassifier):
    """Log-probabilities of what each tag says of a word's bytes and of the space before it, at all of its bytes.

    Args:
        config: Its sizes and tags.
    """

    config_class = CharnerConfig
    config: CharnerConfig
    #: Its scores are log-probabilities already, of labels that are learned byte by byte.
    gives_log_probabilities = True

    def __init__(self, config: CharnerConfig):
        super().__init__(config)
        self.bytes = CharnerBytes(config)
        self.output = nn.Linear(2 * config.byte_hidden, self.classes)
        self.post_init()

    @property
    def classes(self) -> int:
        """The labels of a byte: `O`, and a type for each two tags."""
        return (self.config.tags + 1) // 2

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> TokenClassifierOutput:
        """Log-probabilities `[rows, length, tags]`, of which those at the bytes of words mean something.

        Args:
            input_ids: As a `ByteWindower` makes them, `[rows, length]`.
            attention_mask: `[rows, length]`.
        """
        inside, lengths = attention_mask.bool(), attention_mask.sum(1)
        states = self.bytes(input_ids[inside], lengths[lengths > 0])
        of_bytes = self.output(states).float().log_softmax(-1)
        found = ByteWords.of(input_ids, attention_mask)
        return TokenClassifierOutput(logits=found.at_pieces(self._of_words(found, of_bytes, inside)))

    def _of_words(self, found: ByteWords, of_bytes: Tensor, inside: Tensor) -> Tensor:
        """Scores of tags at words, `[words, tags]`, of those of labels at bytes, `[bytes, classes]`."""
        everywhere = of_bytes.new_zeros(inside.numel(), self.classes).index_copy(
            0, torch.nonzero(inside.flatten()).flatten(), of_bytes
        )
        outside = (found.pieces.flatten() == BOUNDARY)[:, None]
        words = of_bytes.new_zeros(len(found.starts), self.classes)
        if len(words):
            words = words.index_add(0, found.word.flatten(), everywhere.masked_fill(outside, 0))
        # Before the first word there is none, and no entity that could go on.
        nothing = of_bytes.new_full((self.classes,), FORBIDDEN)
        nothing[0] = 0
        before = torch.where(found.first[:, None], nothing, everywhere[(found.starts - 1).clamp(min=0)])
        # O; then B- of each type, which follows an O, and I-, which follows its own.
        label = torch.arange(self.config.tags, device=words.device).add(1) // 2
        space = label.clone()
        space[1::2] = 0
        return words[:, label] + before[:, space]

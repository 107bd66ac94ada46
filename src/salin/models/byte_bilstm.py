"""The byte-level BiLSTM: bytes to words, words to sentences, tag scores at words (Mueller et al. 2020, SPECS 3.3a).

With the CRF of a `TaggingNetwork` on top it is the paper's main model. It has no word vectors: what it knows of a word
it reads off its bytes, and each different word of a batch is read once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from salin.encoding import Bytes
from salin.models.byte_config import ByteBilstmConfig
from salin.models.byte_words import ByteWords
from salin.models.recurrent import run_lstm


class ByteClassifier(PreTrainedModel):
    """What byte-level networks have in common: how their weights begin.

    LSTMs begin as in TensorFlow, where the paper's do: uniform by their fans, without bias but of the forget gates.
    """

    base_model_prefix = "bytes"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.LSTM):
            for name, parameter in module.named_parameters():
                # What was loaded stays as it is.
                if name.startswith("bias_ih") and not getattr(parameter, "_is_hf_initialized", False):
                    parameter[module.hidden_size : 2 * module.hidden_size] = 1


class ByteBilstm(nn.Module):
    """Reads words by their bytes, and sentences by their words.

    Args:
        config: Its sizes.
    """

    def __init__(self, config: ByteBilstmConfig):
        super().__init__()
        self.dropout = config.dropout
        # In the paper each layer loses numbers of what it is given and of what it gives.
        between = 1 - (1 - config.dropout) ** 2
        self.embedding = nn.Embedding(len(Bytes()), config.byte_embedding)
        self.byte_lstm = _lstm(config.byte_embedding, config.byte_hidden, config.byte_layers, between)
        of_word = 2 * config.byte_layers * config.byte_hidden
        self.word_lstm = _lstm(of_word, config.word_hidden, config.word_layers, between)

    def forward(self, found: ByteWords) -> Tensor:
        """A vector of each word in its sentence, `[words, 2 * word_hidden]`.

        Args:
            found: The words.
        """
        pieces, lengths, which = found.different()
        _, words = run_lstm(self.byte_lstm, self._dropped(self.embedding(pieces)), lengths)
        sentences, _ = run_lstm(self.word_lstm, self._dropped(words[which]), found.counts)
        return self._dropped(sentences)

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, self.training)


class ByteBilstmForTokenClassification(ByteClassifier):
    """Scores of each tag at each word, at all of its bytes the same.

    Args:
        config: Its sizes and tags.
    """

    config_class = ByteBilstmConfig
    config: ByteBilstmConfig

    def __init__(self, config: ByteBilstmConfig):
        super().__init__(config)
        self.bytes = ByteBilstm(config)
        self.output = nn.Linear(2 * config.word_hidden, config.tags)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> TokenClassifierOutput:
        """Logits `[rows, length, tags]`, of which those at the bytes of words mean something.

        Args:
            input_ids: As a `ByteWindower` makes them, `[rows, length]`.
            attention_mask: `[rows, length]`.
        """
        found = ByteWords.of(input_ids, attention_mask)
        return TokenClassifierOutput(logits=found.at_pieces(self.output(self.bytes(found))))


def _lstm(inputs: int, hidden: int, layers: int, dropout: float) -> nn.LSTM:
    # torch warns of dropout between layers where there is one layer.
    return nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0)

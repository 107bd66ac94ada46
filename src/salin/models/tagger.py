"""The tagger: a network, its tokenizer and its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from salin.corpus import Sentence, TagsText
from salin.corpus.tagging import read_ahead
from salin.encoding import (
    Bytes,
    ByteWindower,
    Encoding,
    OnOverflow,
    Window,
    Windower,
    collate,
    length_buckets,
    padding_piece,
)
from salin.errors import ModelError, SettingError
from salin.files import atomic_directory
from salin.models.byte_config import ByteConfig, named_config, own_head
from salin.models.crf import ConditionalRandomField
from salin.models.decoding import Chain, entity_spans, legal_chain, marginals, viterbi
from salin.models.folder import ONNX_FILE, load_transitions, runs_onnx, save_parts
from salin.models.loading import (
    load_classifier,
    load_config,
    load_tokenizer,
    load_with_new_head,
    quiet,
    resolve,
)
from salin.models.memory import give_back_memory
from salin.models.network import PieceScorer, TaggingNetwork
from salin.models.onnx_network import OnnxNetwork
from salin.models.own import new_classifier
from salin.models.positions import fitting_length
from salin.models.safety import check_unpickled
from salin.models.settings import FILE, Head, TaggerSettings

# Sentences read ahead, so that batches can be filled with sentences of like length.
_READ_AHEAD = 1024
# In decoding, where a word is no more than a number for each tag.
_WORDS_A_BATCH = 8192

Precision = Literal["fp32", "bf16"]


class Tagger(TagsText):
    """Tags sentences with a trained network.

    Args:
        network: Put into eval mode. One that was exported can tag, and nothing else.
        tokenizer: The one that the network's encoder was trained with, or `Bytes` for a network that reads bytes.
        settings: Labels, head, windows.
        on_overflow: `window` cuts a sentence that does not fit one window into several that overlap; `error` refuses
            it. A network that reads bytes reads a sentence of any length.
        precision: What it computes in. `bf16` is quicker where the processor knows it, and rounds; adaptation stays
            in fp32. `benchmarks/plain_tagging.py` says how much quicker, and how many tags change.

    Raises:
        SettingError: When there is no such precision, or this machine or an exported network does not compute in it.
    """

    def __init__(
        self,
        network: TaggingNetwork | OnnxNetwork,
        tokenizer: PreTrainedTokenizerFast | Bytes,
        settings: TaggerSettings,
        *,
        on_overflow: OnOverflow = "window",
        precision: Precision = "fp32",
    ):
        self._scorer: PieceScorer = network.eval() if isinstance(network, TaggingNetwork) else network
        self.tokenizer = tokenizer
        self.settings = settings
        self.labels = settings.labels
        self.windower: Encoding = (
            ByteWindower(tokenizer)
            if isinstance(tokenizer, Bytes)
            else Windower(tokenizer, settings.max_length, settings.overlap, on_overflow)
        )
        self.precision = precision
        self._check_precision()

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, on_overflow: OnOverflow = "window", precision: Precision = "fp32"
    ) -> Tagger:
        """Loads a tagger.

        Args:
            name: A bundled model (`salin-tiny`), a folder, or a Hugging Face id. A folder that `salin export --onnx`
                wrote is run by onnxruntime.
            on_overflow: `window` cuts a sentence that does not fit one window into several that overlap; `error`
                refuses it.
            precision: What it computes in, `fp32` or `bf16`.

        Raises:
            ModelError: When there is none, or it is damaged or unsafe.
            SettingError: When it needs onnxruntime, which is not installed, or cannot compute in this precision.
        """
        folder = resolve(name)
        settings, config = TaggerSettings.load(folder), load_config(folder)
        _check_agreement(folder, settings, config)
        if runs_onnx(folder):
            network = _load_onnx(folder, settings)
        else:
            network = _network(load_classifier(folder, config), settings)
            if network.crf is not None:
                load_transitions(network.crf, folder)
        return cls(network, _load_pieces(folder, config), settings, on_overflow=on_overflow, precision=precision)

    @classmethod
    def on_encoder(
        cls,
        encoder: str | Path,
        labels: Iterable[str],
        *,
        head: Head | None = None,
        max_length: int = 128,
        frozen_blocks: int | None = None,
        right_context: bool = False,
    ) -> Tagger:
        """Puts a new head, drawn from torch's seed, on a pretrained encoder or decoder, or makes a whole new network.

        Args:
            encoder: A bundled model, a folder, or a Hugging Face id; or what is made from scratch (`byte-bilstm`,
                `charner`), with other sizes than the published ones as in `byte-bilstm:word_hidden=256`.
            labels: Entity types.
            head: `softmax`, `crf` or `free-crf`; None is `softmax`, and `crf` for a new `byte-bilstm`.
            max_length: Pieces a window; never more than the encoder has positions.
            frozen_blocks: Blocks that adaptation leaves alone; None is all of them, and a third in meta-training.
            right_context: Whether each piece of a decoder sees what is on its right as well, as it learns in training.

        Raises:
            ModelError: When there is no such encoder, or it is damaged or unsafe.
            SettingError: When there is no network of such sizes, or it cannot have this head or right context.
        """
        config, tokenizer, make_classifier = _parts(encoder)
        settings = TaggerSettings(
            labels=tuple(sorted(set(labels))), head=head or own_head(encoder),
            max_length=fitting_length(config, max_length), frozen_blocks=frozen_blocks, right_context=right_context,
            provenance={"encoder": str(encoder)},
        )  # fmt: skip
        config.id2label = dict(enumerate(settings.tags))
        config.label2id = {tag: index for index, tag in enumerate(settings.tags)}
        if not isinstance(tokenizer, Bytes) and config.pad_token_id is None:
            config.pad_token_id = padding_piece(tokenizer)
        return cls(_network(make_classifier(config), settings), tokenizer, settings)

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype = torch.float32) -> None:
        """Writes the tagger as a plain Hugging Face folder with a `salin.json` in it, whole or not at all.

        With a softmax head `transformers.pipeline("ner")` loads it; a CRF, and a decoder that sees both sides, are
        stored under architectures of their own, at which transformers stops with a clear error.

        Args:
            folder: Where to; a folder that stands there is replaced.
            dtype: Of the stored weights: fp16 halves the size, and loading converts it back.
        """
        classifier = self.network.classifier
        tensors = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                   for name, tensor in classifier.state_dict().items()}  # fmt: skip
        with atomic_directory(folder, marker=FILE) as temporary, quiet():
            classifier.save_pretrained(temporary, state_dict=tensors)
            save_parts(temporary, self.tokenizer, self.settings, self.network.crf)

    @property
    def network(self) -> TaggingNetwork:
        """The network and its weights.

        Raises:
            ModelError: When this tagger runs an exported network, in which there are none that could be changed.
        """
        if not isinstance(self._scorer, TaggingNetwork):
            raise ModelError(
                "this tagger was exported to ONNX: it tags, but cannot adapt, learn, be indexed, saved or exported. "
                "For that name the tagger that it was exported from"
            )
        return self._scorer

    @property
    def exported(self) -> bool:
        """Whether it runs an exported network."""
        return isinstance(self._scorer, OnnxNetwork)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._scorer.device

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order."""
        for block in read_ahead(sentences, _READ_AHEAD):
            yield from self.decode(block, self.emissions(block))
            if len(block) == _READ_AHEAD:
                give_back_memory()

    @torch.no_grad()
    def emissions(self, sentences: Sequence[Sentence], windows: Sequence[Window] | None = None) -> list[Tensor]:
        """Tag scores at the words of each sentence, `[words, tags]` in fp32, merged over its windows.

        Args:
            sentences: The sentences.
            windows: What the windower made of them, where that is known; what has none has scores of zero.
        """
        windows = self.windower.windows(sentences) if windows is None else windows
        scores = [torch.zeros(len(s.words), len(self.settings.tags)) for s in sentences]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            for group in length_buckets([len(window) for window in windows], self.windower.pieces_a_batch):
                chosen = [windows[index] for index in group]
                batch = collate(chosen, self.windower.padding).to(self.device)
                at_words = batch.at_words(self._scorer(batch.input_ids, batch.attention_mask)).float().cpu()
                self.scatter(scores, chosen, at_words)
        return scores

    @staticmethod
    def scatter(scores: Sequence[Tensor], windows: Sequence[Window], at_words: Tensor) -> None:
        """Puts what a batch says of its decided words, window by window, where the words stand in their sentences."""
        start = 0
        for window in windows:
            stop = start + len(window.owned)
            scores[window.sentence][list(window.owned)] = at_words[start:stop]
            start = stop

    @torch.no_grad()
    def decode(self, sentences: Sequence[Sentence], emissions: Sequence[Tensor]) -> list[Sentence]:
        """The sentences with the best tag sequence as entities, each with its mean tag probability.

        The sequence is legal, but for that of a `free-crf`, which is read as conlleval reads it.

        Args:
            sentences: The sentences.
            emissions: `[words, tags]` for each.
        """
        chain = self._scorer.chain
        chain = Chain(*(t.detach().cpu() for t in (chain.start, chain.between, chain.end)))
        decoded = list(sentences)
        with_words = [index for index, sentence in enumerate(sentences) if sentence.words]
        for group in length_buckets([len(sentences[i].words) for i in with_words], _WORDS_A_BATCH):
            chosen = [with_words[index] for index in group]
            lengths = torch.tensor([len(sentences[i].words) for i in chosen])
            padded = torch.nn.utils.rnn.pad_sequence([emissions[i] for i in chosen], batch_first=True)
            probabilities = self._probabilities(padded, lengths, chain)
            paths = viterbi(padded, lengths, chain)
            for row, (index, path) in enumerate(zip(chosen, paths, strict=True)):
                decoded[index] = sentences[index].with_spans(
                    *entity_spans(path, probabilities[row], self.settings.tags)
                )
        return decoded

    def _check_precision(self) -> None:
        if self.precision not in get_args(Precision):
            raise SettingError(f"precision is {self.precision!r}; it can be {' or '.join(get_args(Precision))}")
        if self.precision == "fp32":
            return
        if self.exported:
            raise SettingError("an exported tagger computes in what it was exported in: leave out --precision")
        if self.device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            raise SettingError("this processor does not compute in bf16: leave out --precision (in Python precision)")

    def _probabilities(self, emissions: Tensor, lengths: Tensor, chain: Chain) -> Tensor:
        scaled = emissions / self.settings.temperature
        if self.settings.head == "softmax":
            return scaled.softmax(-1)
        return marginals(scaled, lengths, chain)


def _network(classifier: PreTrainedModel, settings: TaggerSettings) -> TaggingNetwork:
    return TaggingNetwork(classifier, settings.tags, head=settings.head, right_context=settings.right_context)


def _parts(
    encoder: str | Path,
) -> tuple[PreTrainedConfig, PreTrainedTokenizerFast | Bytes, Callable[[Any], PreTrainedModel]]:
    """What a new tagger is put together of: a config, what makes pieces, and what makes a classifier of the config."""
    scratch = named_config(encoder)
    if scratch is not None:
        return scratch, Bytes(scratch.longest_word), new_classifier
    folder = resolve(encoder)
    config = load_config(folder)
    return config, _load_pieces(folder, config), partial(load_with_new_head, folder)


def _load_pieces(folder: Path, config: PreTrainedConfig) -> PreTrainedTokenizerFast | Bytes:
    return Bytes(config.longest_word) if isinstance(config, ByteConfig) else load_tokenizer(folder)


def _load_onnx(folder: Path, settings: TaggerSettings) -> OnnxNetwork:
    check_unpickled(folder)
    chain = legal_chain(settings.tags)
    if (crf := ConditionalRandomField.of(settings.head, settings.tags)) is not None:
        load_transitions(crf, folder)
        chain = crf.chain
    return OnnxNetwork.open(folder / ONNX_FILE, settings.tags, chain)


def _check_agreement(folder: Path, settings: TaggerSettings, config: PreTrainedConfig) -> None:
    """Refuses a folder whose `salin.json` and `config.json` are not of the same tagger."""
    if config.num_labels != len(settings.tags):
        raise ModelError(
            f"{folder}: salin.json has {len(settings.labels)} labels ({len(settings.tags)} tags), config.json has "
            f"{config.num_labels} tags"
        )
    named = {int(index): tag for index, tag in (config.id2label or {}).items()}
    for index, tag in enumerate(settings.tags):
        if named.get(index) != tag:
            raise ModelError(f"{folder}: tag {index} is {tag} in salin.json, {named.get(index)} in config.json")
    wanted, fitting = settings.max_length, fitting_length(config, settings.max_length)
    if fitting < wanted:
        raise ModelError(f"{folder / FILE}: max_length is {wanted}, but the encoder has {fitting} positions")

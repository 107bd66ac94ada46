"""What reading bytes costs: each different word of a batch once, nothing padded, beside a plain loop. On CPU.

    python benchmarks/byte_throughput.py                  # writes results/benchmarks/byte_throughput.json
    python benchmarks/byte_throughput.py --quick          # a few sentences, for trying it

The network is the byte-level BiLSTM-CRF in its published sizes, with random weights; the sentences are the first ones
of CoNLL-2003 English where ../shared/data is, else of the open corpus. The reference goes through the sentences one
after another and through the words of each one after another, by torch's own LSTMs; beside it the ways in between:
one sentence after another with its words together, all sentences of a batch with every word by itself, and each
different word once in the way that salin does not take: in tagging torch's packed sequences, in training groups of the
same length. Tagging is from sentences to scores of
tags (what finds the best sequence is the same for all); a training step is of 32 sentences with dropout, forward and
back through the CRF, without the optimiser's update. All give the same scores up to rounding, which is checked. What is
compared is processor time; memory is what a process of its own needs at its peak beyond what it has before.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from time import process_time
from unittest.mock import patch

import torch
from measuring import Row, arguments, median_ratio, peak_memory, save, take_turns, tell
from subjects import source
from torch import Tensor

from salin.corpus import Corpus, Sentence
from salin.encoding import collate
from salin.encoding.bytes import BOUNDARY, HIDDEN
from salin.models import Tagger, recurrent
from salin.models.byte_words import ByteWords
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import task_losses
from salin.models.recurrent import by_length, packed

LABELS = ("LOC", "MISC", "ORG", "PER")
LOOP, SENTENCE = "a loop over sentences and words", "a loop over sentences"
EVERY, OTHER = "salin with every word by itself", "salin the other way"
OURS, ROUGH = "salin", "salin, bf16"
STEP = 32
Scores = Callable[[Sequence[Sentence]], list[Tensor]]


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--sentences", type=int, default=512, help="to tag")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--memory-of", metavar="ROW", help="this row alone; prints its megabytes")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.sentences, chosen.rounds = 32, 1
    corpus = source(LABELS)[: max(chosen.sentences, STEP)]
    tagger = _tagger()
    if chosen.memory_of:
        kind, name = chosen.memory_of.split("/")
        run = _runs(tagger, corpus, chosen.sentences)[kind][name]
        with peak_memory() as peak:
            run(1)
        sys.stdout.write(f"{peak.more}\n")
        return
    _check_same(tagger, corpus.sentences[:STEP])
    rows = [
        tell(row)
        for kind, runs in _runs(tagger, corpus, chosen.sentences).items()
        for row in _rows(kind, runs, chosen.rounds, chosen.sentences)
    ]
    save(chosen, "byte_throughput", rows, rounds=chosen.rounds, sentences=chosen.sentences)


def _tagger() -> Tagger:
    torch.manual_seed(0)
    return Tagger.on_encoder("byte-bilstm", LABELS)


def _runs(tagger: Tagger, corpus: Corpus, count: int) -> dict[str, dict[str, Callable[[int], object]]]:
    """What is run, by what it does and by how."""
    sentences = corpus.sentences[:count]
    ways = _ways(tagger)
    tagging: dict[str, Callable[[int], object]] = {
        name: lambda number, way=way: torch.no_grad()(way)(sentences) for name, way in ways.items()
    }
    training = {
        name: _step(tagger, corpus[:STEP], way, rough=name == ROUGH)
        for name, way in _ways(tagger, training=True).items()
    }
    return {"tagging": tagging, "training step": training}


def _rows(kind: str, runs: dict[str, Callable[[int], object]], rounds: int, count: int) -> Iterator[Row]:
    # What is slow needs no warming up.
    seconds = take_turns(runs, rounds, process_time, warm=[name for name in runs if name not in (LOOP, SENTENCE)])
    size = count if kind == "tagging" else STEP
    for name, taken in seconds.items():
        each, more = 1e3 * statistics.median(taken) / size, {"seconds": taken}
        note = f"{each:.2f} ms a sentence"
        if name in (LOOP, OURS, ROUGH):
            more["megabytes"] = _memory_of(kind, name, count)
            note += f", {more['megabytes']:.0f} MB"
        yield Row(
            f"byte-bilstm, threads: {torch.get_num_threads()}, {kind} of {size} sentences", name.removesuffix(", bf16"),
            "speed", LOOP, median_ratio(seconds[LOOP], taken), dtype="bf16" if name == ROUGH else "fp32", note=note,
            more=more,
        )  # fmt: skip


def _ways(tagger: Tagger, *, training: bool = False) -> dict[str, Scores]:
    """From sentences to scores at their words; where a tagger tags itself, in batches of its own size."""
    together = _together if training else Tagger.emissions

    def every_word(sentences: Sequence[Sentence]) -> list[Tensor]:
        with patch.object(ByteWords, "different", _all_of_them):
            return together(tagger, sentences)

    def other(sentences: Sequence[Sentence]) -> list[Tensor]:
        with patch.object(recurrent, *(("packed", by_length) if training else ("by_length", packed))):
            return together(tagger, sentences)

    ways = {
        LOOP: lambda sentences: [_by_word(tagger, sentence) for sentence in sentences],
        SENTENCE: lambda sentences: [scores for s in sentences for scores in together(tagger, [s])],
        EVERY: every_word,
        OTHER: other,
        OURS: lambda sentences: together(tagger, sentences),
    }
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        # A training step is put under autocast as a whole.
        rough = tagger if training else Tagger(tagger.network, tagger.tokenizer, tagger.settings, precision="bf16")
        ways[ROUGH] = lambda sentences: together(rough, sentences)
    return ways


def _together(tagger: Tagger, sentences: Sequence[Sentence]) -> list[Tensor]:
    """Scores with a graph behind them."""
    windows = tagger.windower.windows(sentences)
    batch = collate(windows, tagger.windower.padding)
    at_words = batch.at_words(tagger.network(batch.input_ids, batch.attention_mask))
    return list(torch.split(at_words, [len(window.owned) for window in windows]))


def _by_word(tagger: Tagger, sentence: Sentence) -> Tensor:
    """One word after another: as slow as it is plain."""
    network = tagger.network.classifier
    words: list[Tensor] = []
    for token in sentence.tokens:
        shown = list(token.encode("utf-8", "surrogatepass")[: network.config.longest_word]) or [HIDDEN]
        _, (states, _) = network.bytes.byte_lstm(network.bytes.embedding(torch.tensor([shown])))
        words.append(states[:, 0].flatten())
    if not words:
        return torch.zeros(0, network.config.num_labels)
    outputs, _ = network.bytes.word_lstm(torch.stack(words)[None])
    return network.output(outputs[0])


def _step(tagger: Tagger, corpus: Corpus, way: Scores, *, rough: bool) -> Callable[[int], None]:
    labelled = LabelledSentences.from_corpora([corpus], tagger.settings)
    windows = tagger.windower.windows(labelled.sentences)
    gold = gold_of(windows, [(labelled.tags[w.sentence], None) for w in windows], [0] * len(windows), 1)

    def step(number: int) -> None:
        network = tagger.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=rough):
            losses = task_losses(network, torch.cat(way(labelled.sentences)), gold)
        losses.sum().backward()
        network.zero_grad()
        network.eval()

    return step


def _all_of_them(words: ByteWords) -> tuple[Tensor, Tensor, Tensor]:
    """In the place of `ByteWords.different`: words that are the same are read as often as they stand there."""
    return words.pieces[words.pieces != BOUNDARY], words.lengths, torch.arange(len(words.lengths))


@torch.no_grad()
def _check_same(tagger: Tagger, sentences: Sequence[Sentence]) -> None:
    """Refuses to compare what does not compute the same."""
    ways = _ways(tagger)
    expected = torch.cat(ways.pop(LOOP)(sentences))
    for name, way in ways.items():
        difference = float((torch.cat(way(sentences)) - expected).abs().max())
        if difference > (0.05 if name == ROUGH else 1e-5):
            raise SystemExit(f"{name}: differs from {LOOP} by {difference}")


def _memory_of(kind: str, name: str, count: int) -> float:
    command = [sys.executable, __file__, "--sentences", str(count), "--memory-of", f"{kind}/{name}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


if __name__ == "__main__":
    main()

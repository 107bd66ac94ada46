"""What kept gradients would take, cost and err at a lower rank (docs/decisions/0012 says why they keep theirs).

    python benchmarks/kept_rank.py            # writes results/benchmarks/kept_rank.json; some minutes
    python benchmarks/kept_rank.py --quick    # a few sentences, for trying it

The upper half of the bundled tagger's blocks adapts to English CoNLL-2003 with its words translated by a dictionary,
and tags the beginning of the Dutch CoNLL-2002 test set; without ../shared/data both are parts of the bundled open
corpus, with nothing translated.
What is kept of a sentence is, for each layer, its inputs and the loss's gradient at its outputs. A truncated singular
value decomposition of their product leaves fewer rows of both; layers with the same inputs are decomposed together.
Memory is what the rows and the vectors take in bf16, beside all of them. The error is the norm of what scores differ by
from those with full rank in fp32, as a share of what adapting moves them by.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from measuring import Row, arguments, save, tell
from subjects import adapting_upper_half, lexicon, make_tagger, source, target
from tag_scores import tag_with_scores
from torch import Tensor

from salin.adaptation.adapter import Adapter
from salin.adaptation.sentence_gradients import SentenceGradient
from salin.corpus import Corpus
from salin.corpus.lexicon import switch_corpus
from salin.evaluation import score
from salin.models import Tagger
from salin.retrieval import SourceIndex, VectorSettings

LANGUAGE = "nl"
RANKS = (16, 8, 4, 2, 1)
KEEP = 8 << 30


class Compressed:
    """Gradients of sentences, each brought to a rank when it is computed.

    Attributes:
        numbers: How many numbers they would take.
        count: How many sentences there are.
        making: Seconds of processor time for computing them.
        compressing: Seconds of processor time for bringing them to the rank.
    """

    def __init__(self, adapter: Adapter, rank: int | None):
        assert adapter.kept is not None
        self._computed: Callable[[Sequence[int]], Iterator[tuple[int, SentenceGradient]]] = adapter.kept.computed
        self._rank = rank
        self.numbers, self.count, self.making, self.compressing = 0, 0, 0.0, 0.0
        adapter.kept.computed = self.computed

    def computed(self, indices: Sequence[int]) -> Iterator[tuple[int, SentenceGradient]]:
        """Stands in for the method of [KeptGradients][salin.adaptation.kept.KeptGradients]."""
        started = time.process_time()
        made = list(self._computed(indices))
        done = time.process_time()
        self.numbers += sum(self._bring_to_rank(gradient) for _, gradient in made)
        self.count += len(made)
        self.making += done - started
        self.compressing += time.process_time() - done
        yield from made

    def _bring_to_rank(self, gradient: SentenceGradient) -> int:
        """Projects inputs onto the directions that matter most; gives how many numbers the sentence then takes."""
        numbers, together = gradient.vectors.numel(), defaultdict(list)
        for inside, outside in gradient.packing.factors.values():
            together[inside].append(gradient.blocks[outside])
        for inside, outputs in together.items():
            inputs, joined = gradient.blocks[inside], torch.cat(outputs, 1)
            rows = len(inputs) if self._rank is None else min(self._rank, len(inputs))
            numbers += rows * (inputs.shape[1] + joined.shape[1])
            if rows < len(inputs):
                inputs.copy_(_projected(inputs, joined, rows))
        return numbers


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    tagger, tested = adapting_upper_half(make_tagger("salin-tiny")), target(LANGUAGE)[: 20 if chosen.quick else 400]
    known, translations = source(tagger.labels)[: 2000 if chosen.quick else None], lexicon(LANGUAGE)
    if translations is not None:
        known = switch_corpus(known, translations)
    save(chosen, "kept_rank", [tell(row) for row in _rows(tagger, known, tested)])


def _rows(tagger: Tagger, known: Corpus, tested: Corpus) -> Iterator[Row]:
    index = SourceIndex.build(tagger, known.sentences, VectorSettings.parse("mean-0-centred"))
    subject = f"salin-tiny, upper half adapts, 1 thread, {len(tested)} sentences of {LANGUAGE} {tested.name}"

    def adapter(dtype: torch.dtype = torch.float32) -> Adapter:
        return Adapter(tagger, known, index=index, keep=KEEP, keep_dtype=dtype)

    _, plain = _tagged(tagger, tagger, tested)
    full = adapter()
    kept = Compressed(full, None)
    _, exact = _tagged(tagger, full, tested)
    moved = (exact - plain).norm()
    for name, made, rank in (
        ("full rank", adapter(torch.bfloat16), None),
        *((f"rank {rank}", adapter(), rank) for rank in RANKS),
    ):
        compressed = Compressed(made, rank)
        f1, scores = _tagged(tagger, made, tested)
        error = float((scores - exact).norm() / moved)
        each = 1e3 / compressed.count
        figures = {
            "error": error,
            "F1": f1,
            "milliseconds a gradient": each * compressed.making,
            "milliseconds of compressing it": each * compressed.compressing if rank else 0.0,
        }
        note = f"{compressed.numbers * 2 >> 20} MiB, error {error:.1%}, F1 {100 * f1:.1f}"
        if rank:
            note += "; {:.1f} ms to compress what takes {:.1f} ms to compute".format(*list(figures.values())[:1:-1])
        yield Row(
            subject, name, "memory", "full rank", compressed.numbers / kept.numbers, rule="sgd",
            dtype="gradients fp32" if rank else "gradients bf16", note=note, more=figures,
        )  # fmt: skip


def _projected(inputs: Tensor, outputs: Tensor, rank: int) -> Tensor:
    """Inputs whose product with the outputs is the best of its rank: `outputs.T @ inputs`, truncated."""
    # An orthogonal factor of the outputs changes neither the directions nor what they are worth.
    triangle = torch.linalg.qr(outputs.T, mode="r").R
    directions = torch.linalg.svd(triangle @ inputs, full_matrices=False).Vh[:rank]
    return (inputs @ directions.T) @ directions


def _tagged(tagger: Tagger, by: Tagger | Adapter, corpus: Corpus) -> tuple[float, Tensor]:
    """F1, and the scores of all tags at all words."""
    found = tag_with_scores(tagger, by, corpus.without_entities().sentences)
    return score(corpus.sentences, found.sentences, labels=corpus.labels).micro.f1, torch.cat(list(found.scores))


if __name__ == "__main__":
    main()

"""What test-time adaptation costs, as a multiple of plain tagging: text in, entities out, retrieval included.

    python benchmarks/adaptation_price.py            # writes results/benchmarks/adaptation_price.json; about 20 minutes
    python benchmarks/adaptation_price.py --quick    # a few minutes, for trying it

Tags the Spanish CoNLL-2002 test set with English CoNLL-2003 as the source where ../shared/data is, else the bundled
open corpus, with one thread. What is compared is processor time (of the process and of the system for it, which is
where page faults show) for each piece of the queries, divided by that of plain tagging of the whole set in the same
round; medians over rounds. Networks compute in fp32; gradients are kept in what the row says, which is the rule's
default unless it is among those of `all kept`. Index and windows of the source are made before, as they are once for
all texts.

Each row but the first has run once before it is timed, so that the memory it takes is there.

Each encoder adapts in two ways: its head alone, which is the default, and the upper half of its blocks with the head,
of which there are more rows: in the published way all of these adapt.

`one pass` begins with nothing kept and goes over the whole set in file order. `all kept` is a second pass over its
beginning. `cold` keeps nothing, and its queries share no neighbour, so that each pays for all its supports; its floor
is one forward pass of the queries and one forward and backward pass of their supports, in multiplications. The rows
that go one sentence after another are timed on a sample: the sequential engine, and the published way (128 pieces
whatever the length, a fresh BertAdam, weights copied back). `differ` counts sentences whose entities are not those of
the sequential engine of the same rule.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from measuring import Row, arguments, save, tell
from subjects import ENCODERS, make_tagger, official_model, source, target

from salin.adaptation import official
from salin.adaptation.adapter import Adapter
from salin.adaptation.official_windows import Windows, label_names, windows
from salin.adaptation.store import GradientStore, made_with, write_store
from salin.corpus import Corpus, Sentence
from salin.models import Tagger
from salin.retrieval import SourceIndex, VectorSettings

KEEP = 4 << 30
ROUNDS = {"salin-tiny": 3, "mbert-sized": 1}
MOST = {
    "salin-tiny": {"one pass, nothing kept before": 2.5, "all kept": 1.6},
    "mbert-sized": {"one pass, nothing kept before": 3, "all kept": 1.35, "cold, no support shared": 4.5},
}


@dataclass
class Timed:
    """Something that tags sentences, and what that took, a figure a round.

    Attributes:
        rule: Its update rule.
        name: What it is called.
        sentences: What is tagged.
        prepare: Makes what tags them, which is let go of when that is done: several would not fit into memory.
        note: What there is to say of it afterwards.
        reference: The name of the row of the same rule whose entities it should give.
    """

    rule: str
    name: str
    sentences: Sequence[Sentence]
    prepare: Callable[[], Adapter | Callable[[], object]]
    note: Callable[[Any], str] = lambda made: ""
    reference: str | None = None
    ratios: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    tagged: list[Sentence] = field(default_factory=list)
    noted: str = ""
    dtype: str = "fp32"


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--encoder", choices=ENCODERS, action="append")
    options.add_argument("--rounds", type=int, help="default: 3 of the bundled encoder, 1 of the other")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    tested = target()
    rows: list[Row] = []
    for name in chosen.encoder or ENCODERS:
        tagger = make_tagger(name)
        sizes = (40, 16, 4) if chosen.quick else (len(tested), 500, 24)
        known = source(tagger.labels)[: 2000 if chosen.quick else None]
        with tempfile.TemporaryDirectory() as folder:
            bench = _Bench(tagger, known, tested.sentences[: sizes[0]], sizes[1], sizes[2], Path(folder))
            rounds = chosen.rounds or (1 if chosen.quick else ROUNDS[name])
            for what, frozen in (("head", bench.blocks), ("upper half", bench.blocks // 2)):
                timed = bench.timed(rounds, frozen)
                plain = f"plain tagging ({bench.plain():.1f} ms a sentence)"
                subject = f"{name}, {what} adapts, 1 thread, {tested.name}, supports of {known.name}"
                rows += [tell(bench.row(each, timed, subject, plain, MOST[name].get(each.name))) for each in timed]
        del bench
    save(chosen, "adaptation_price", rows, rounds=ROUNDS)


class _Bench:
    """The rows of one encoder.

    Args:
        tagger: Tags plainly, and is adapted.
        source: Its supports come from here.
        sentences: What is tagged.
        beginning: How many of them the rows of what is kept tag.
        sample: How many those tag that go one sentence after another.
        folder: For the store.
    """

    def __init__(
        self, tagger: Tagger, source: Corpus, sentences: Sequence[Sentence], beginning: int, sample: int, folder: Path
    ):
        self.tagger, self.source, self.sentences, self.folder = tagger, source, sentences, folder
        self.begin, self.sample = sentences[:beginning], sentences[:: max(1, len(sentences) // sample)][:sample]
        self.index = SourceIndex.build(tagger, source.sentences, VectorSettings.parse("mean-0-centred"))
        self.near: list[list[int]] = self.index.nearest(sentences, 2)[1].tolist()
        self.alone = self._sharing_nothing(2 * sample)
        self.blocks: int = tagger.network.classifier.config.num_hidden_layers
        self.frozen = self.blocks
        self._plain: list[float] = []

    def plain(self) -> float:
        """Milliseconds a sentence of plain tagging."""
        return 1e3 * statistics.median(self._plain) / len(self.sentences)

    def timed(self, rounds: int, frozen: int) -> list[Timed]:
        """Times every row once a round, beside plain tagging, with so many frozen blocks."""
        self.frozen, self._plain = frozen, []
        rows = list(self._rows())
        _consume(self.tagger, self.sentences[:64])
        for _ in range(rounds):
            self._plain.append(_seconds(lambda: _consume(self.tagger, self.sentences)))
            for row in rows:
                self._time(row)
        return rows

    def row(self, timed: Timed, among: Sequence[Timed], subject: str, plain: str, most: float | None) -> Row:
        """A row of the table."""
        note, ratio = timed.noted, statistics.median(timed.ratios)
        same = {other.name: other for other in among if other.rule == timed.rule}
        if timed.reference is not None:
            pairs = list(zip(timed.tagged, same[timed.reference].tagged, strict=True))
            note = f"differ: {sum(a.spans() != b.spans() for a, b in pairs)} of {len(pairs)}"
        elif "all kept, a sample" in same and timed.sentences is self.sample:
            note = f"{ratio / statistics.median(same['all kept, a sample'].ratios):.1f} times ours with all kept"
        return Row(
            subject, timed.name, "time", plain, ratio, rule=timed.rule, most=most, note=note,
            dtype=timed.dtype,
            more={
                "sentences": len(timed.sentences),
                "ratios": timed.ratios,
                "milliseconds a sentence": 1e3 * statistics.median(timed.seconds) / len(timed.sentences),
            },
        )  # fmt: skip

    def _time(self, row: Timed) -> None:
        made = row.prepare()

        def run() -> None:
            if isinstance(made, Adapter):
                row.tagged = _consume(made, row.sentences)
            else:
                made()

        row.seconds.append(_seconds(run))
        plain = self._plain[-1] / self._pieces(self.sentences)
        row.ratios.append(row.seconds[-1] / self._pieces(row.sentences) / plain)
        row.noted = row.note(made)
        if isinstance(made, Adapter) and made.kept is not None and (len(made.kept) or made.kept.store is not None):
            row.dtype = f"fp32, gradients {'bf16' if made.kept.dtype == torch.bfloat16 else 'fp32'}"

    def _rows(self) -> Iterator[Timed]:
        begin, alone, sample = self.begin, self.alone, self.sample
        yield Timed("sgd", "one pass, nothing kept before", self.sentences, lambda: self._adapter(keep=KEEP), _counts)
        for dtype in (torch.float32, torch.bfloat16):
            warm = lambda dtype=dtype: self._warm(begin, keep=2 * KEEP, keep_dtype=dtype)  # noqa: E731
            yield Timed("sgd", "all kept", begin, warm, _size)
        yield Timed("sgd", "all on disk", begin, self._stored, _size_of_store)
        yield Timed("sgd", "cold, no support shared", alone, lambda: self._warm(alone, keep=0), self._floor)
        one_by_one, head = "sequential engine", self.frozen == self.blocks
        for rule in ("sgd",) if head else ("sgd", "bertadam"):
            sequential = lambda rule=rule: self._adapter(rule=rule, engine="sequential")  # noqa: E731
            nothing = lambda rule=rule: self._warm(sample, rule=rule, keep=0)  # noqa: E731
            everything = lambda rule=rule: self._warm(sample, rule=rule, keep=KEEP)  # noqa: E731
            yield Timed(rule, one_by_one, sample, sequential)
            yield Timed(rule, "nothing kept, a sample", sample, nothing, reference=one_by_one)
            yield Timed(rule, "all kept, a sample", sample, everything, reference=one_by_one)
        for fitted in () if head else (False, True):
            name = "published way" + ", padding fitted" * fitted
            published = lambda fitted=fitted: _published(self.tagger, self.source, sample, fitted=fitted)  # noqa: E731
            yield Timed("bertadam", name, sample, published)

    def _adapter(self, **options: Any) -> Adapter:
        return Adapter(self.tagger, self.source, index=self.index, frozen_blocks=self.frozen, **options)

    def _warm(self, sentences: Sequence[Sentence], **options: Any) -> Adapter:
        adapter = self._adapter(**options)
        _consume(adapter, sentences)
        return adapter

    def _stored(self) -> Adapter:
        """An adapter that reads all gradients that the beginning needs from disk."""
        making = self._adapter(keep=0, keep_dtype=torch.bfloat16)
        kept = making.kept
        assert kept is not None
        reached = sorted({index for near in self.near[: len(self.begin)] for index in near})
        made = made_with(self.source, self.tagger, making.rule)
        write_store(self.folder, kept.computed(reached), kept.packing, kept.size(reached), kept.dtype, made)
        return self._warm(self.begin, keep=0, store=GradientStore.open(self.folder, self.source, self.tagger))

    def _sharing_nothing(self, most: int) -> list[Sentence]:
        used: set[int] = set()
        found: list[Sentence] = []
        for sentence, near in zip(self.sentences, self.near, strict=True):
            if len(found) < most and used.isdisjoint(near):
                used.update(near)
                found.append(sentence)
        return found

    def _floor(self, made: Adapter) -> str:
        """What the supports of the cold row would cost if nothing were to be done but their two passes."""
        chosen = {id(sentence) for sentence in self.alone}
        near = [i for s, row in zip(self.sentences, self.near, strict=True) if id(s) in chosen for i in row]
        share = self._pieces([self.source[i] for i in near]) / self._pieces(self.alone)
        backwards = 1 - self.frozen / self.blocks
        return f"{share:.2f} pieces of supports for each of a query; floor {1 + share * (1 + backwards):.2f}"

    def _pieces(self, sentences: Sequence[Sentence]) -> int:
        return sum(map(len, self.tagger.windower.windows(sentences)))


def _seconds(run: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()  # as timeit does: a look at all objects, in which the whole source is, is due in some row or other
    try:
        started = time.process_time()
        run()
        return time.process_time() - started
    finally:
        gc.enable()


def _consume(tagger: Tagger | Adapter, sentences: Sequence[Sentence]) -> list[Sentence]:
    return list(tagger.tag_sentences(sentences))


def _counts(adapter: Adapter) -> str:
    kept = adapter.kept
    assert kept is not None
    return f"{kept.hits} hits, {kept.misses} computed ({kept.hits / (kept.hits + kept.misses):.0%}), {_size(adapter)}"


def _size_of_store(adapter: Adapter) -> str:
    assert adapter.kept is not None
    assert adapter.kept.store is not None
    return f"{len(adapter.kept.store)} sentences, {adapter.kept.store.bytes >> 20} MiB"


def _size(adapter: Adapter) -> str:
    assert adapter.kept is not None
    return f"{len(adapter.kept)} sentences, {adapter.kept.bytes >> 20} MiB"


def _published(tagger: Tagger, source: Corpus, sentences: Sequence[Sentence], *, fitted: bool) -> Callable[[], None]:
    """`official.py` on the same encoder, with the third of its blocks frozen and the head of 13 labels that it has."""
    names = label_names()
    model = official_model(tagger, len(names))
    encoder = model.base_model

    def cut(corpus: Sequence[Sentence]) -> Windows:
        return windows(((s.tokens, s.tags()) for s in corpus), tagger.tokenizer, names)

    known = cut(source.sentences[:300])  # enough to choose from; the vectors of more would take long
    vectors = official.sentence_vectors(encoder, known)

    def run() -> None:
        target = cut(sentences)
        weights = official.copied(model)
        for i in range(len(target)):
            query = target[[i]]
            nearest = official.supports(official.sentence_vectors(encoder, query), vectors)[0]
            support = known[nearest]
            official.adapt(model, _fit(support) if fitted else support, lr=1e-5)
            official.direct(model, _fit(query) if fitted else query)
            official.restore(model, weights)

    return run


def _fit(data: Windows) -> Windows:
    longest = int(data.mask.sum(1).max())
    return Windows(data.pieces[:, :longest], data.labels[:, :longest])


if __name__ == "__main__":
    main()

"""What test-time adaptation costs, as a multiple of plain tagging: text in, entities out, retrieval included.

    python benchmarks/adaptation_price.py                     # writes results/benchmarks/adaptation_price.json
    python benchmarks/adaptation_price.py --encoder mbert-sized --sentences 300 --sample 20

Tags the Spanish CoNLL-2002 test set with English CoNLL-2003 as the source where ../shared/data is, else the bundled
open corpus. A row's seconds a sentence are divided by those of plain tagging of all sentences in the same round; the
median of the rounds is what counts. `one pass` begins with nothing kept. The rows that go one sentence after another
(the sequential engine, and the published way: 128 pieces whatever the length, a fresh BertAdam, weights copied back)
and those that keep nothing are timed on a sample. Index and windows of the source are made before, as they are once
for all texts.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertModel

from salin.adaptation import official
from salin.adaptation.adapter import Adapter
from salin.adaptation.official_windows import Windows, label_names, windows
from salin.corpus import Corpus, Sentence, read
from salin.evaluation.records import Environment
from salin.files import write_json
from salin.models import Tagger
from salin.models.loading import load_tokenizer, resolve
from salin.retrieval import SourceIndex, VectorSettings

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "results" / "benchmarks" / "adaptation_price.json"
NER = ROOT.parent / "shared" / "data" / "ner"
KEEP = 4 << 30
LABELS = ["LOC", "MISC", "ORG", "PER"]


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--encoder", choices=["salin-tiny", "mbert-sized"], action="append")
    options.add_argument("--sentences", type=int, default=None, help="how many of the test set; all by default")
    options.add_argument("--sample", type=int, default=50, help="how many for the rows that go one by one")
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    source, target = _corpora()
    tables = []
    for name in chosen.encoder or ["salin-tiny", "mbert-sized"]:
        tagger = Tagger.from_pretrained("salin-tiny") if name == "salin-tiny" else _mbert_sized()
        fitting = source.map_labels({label: "O" for label in source.labels if label not in tagger.labels})
        rows = list(_rows(tagger, fitting, target[: chosen.sentences].sentences, chosen.sample, chosen.rounds))
        print(
            f"\n{name}, {torch.get_num_threads()} threads, {len(target[: chosen.sentences])} sentences of {target.name}"
        )
        for row in rows:
            print(f"  {row['row']:44} {row['ratio']:7.2f} x plain   {row['note']}")
        tables.append({"encoder": name, "source": source.name, "target": target.name, "rows": rows})
    threads = torch.get_num_threads()
    write_json(OUT, {"threads": threads, "environment": Environment.here().model_dump(), "tables": tables})


def _corpora() -> tuple[Corpus, Corpus]:
    if NER.exists():
        return read(NER / "conll2003" / "en" / "train.conll"), read(NER / "conll2002" / "es" / "test.conll")
    return read("open-corpus/en/train"), read("open-corpus/es/test")


def _mbert_sized() -> Tagger:
    """12 blocks of 768, random weights; the bundled tokenizer, since a vocabulary's size costs nothing here."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer(resolve("salin-tiny-encoder"))
    with tempfile.TemporaryDirectory() as folder:
        BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return Tagger.on_encoder(folder, LABELS)


def _rows(tagger: Tagger, source: Corpus, sentences: Sequence[Sentence], sample: int, rounds: int) -> Iterator[dict]:
    few = sentences[:: max(1, len(sentences) // sample)][:sample]
    index = SourceIndex.build(tagger, source.sentences, VectorSettings.parse("mean-0-centred"))
    index.nearest(few, 1)  # what it makes of the source once
    for rule in ("sgd", "bertadam"):
        one_pass: list[Adapter] = []

        def empty(rule: str = rule, kept: list[Adapter] = one_pass) -> None:
            kept[:] = [Adapter(tagger, source, index=index, rule=rule, keep=KEEP)]
            _consume(kept[0], sentences)

        cold = Adapter(tagger, source, index=index, rule=rule, keep=0)
        sequential = Adapter(tagger, source, index=index, rule=rule, engine="sequential")
        yield _timed(
            f"{rule}: one pass, nothing kept before", tagger, sentences, sentences, empty, rounds,
            lambda k=one_pass: f"hits {k[0].kept.hits}, misses {k[0].kept.misses}, {k[0].kept.bytes >> 20} MB",
        )  # fmt: skip
        warm = one_pass[0]
        yield _timed(
            f"{rule}: second pass, all kept",
            tagger,
            sentences,
            sentences,
            lambda a=warm: _consume(a, sentences),
            rounds,
        )
        yield _timed(f"{rule}: nothing kept", tagger, sentences, few, lambda a=cold: _consume(a, few), rounds)
        yield _timed(
            f"{rule}: sequential engine", tagger, sentences, few, lambda a=sequential: _consume(a, few), rounds
        )
    for fitted in (False, True):
        published = _published(tagger, source, few, fitted=fitted)
        name = "bertadam: published way" + (", padding fitted" if fitted else "")
        yield _timed(name, tagger, sentences, few, published, rounds)


def _timed(
    name: str, tagger: Tagger, all_of_them: Sequence[Sentence], sentences: Sequence[Sentence],
    run: Callable[[], None], rounds: int, note: Callable[[], str] = lambda: "",
) -> dict:  # fmt: skip
    ratios, seconds = [], []
    _consume(tagger, all_of_them[:64])
    for _ in range(rounds):
        started = time.perf_counter()
        _consume(tagger, all_of_them)
        plain = time.perf_counter()
        run()
        seconds.append((time.perf_counter() - plain) / len(sentences))
        ratios.append(seconds[-1] / ((plain - started) / len(all_of_them)))
    return {
        "row": name, "ratio": statistics.median(ratios), "ratios": ratios, "sentences": len(sentences),
        "milliseconds_a_sentence": 1e3 * statistics.median(seconds), "note": note(),
    }  # fmt: skip


def _consume(tagger: Tagger | Adapter, sentences: Sequence[Sentence]) -> None:
    for _ in tagger.tag_sentences(sentences):
        pass


def _published(tagger: Tagger, source: Corpus, sentences: Sequence[Sentence], *, fitted: bool) -> Callable[[], None]:
    """`official.py` on the same encoder and the same adapted blocks, with the head of 13 labels that it has."""
    names = label_names()
    model = copy.deepcopy(tagger.network.classifier)
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    official.freeze(model, 0)
    for block in model.base_model.encoder.layer[: model.config.num_hidden_layers // 3]:
        block.requires_grad_(False)
    encoder = model.base_model

    def cut(corpus: Sequence[Sentence]) -> Windows:
        return windows(((s.tokens, s.tags()) for s in corpus), tagger.tokenizer, names)

    known = cut(source.sentences[:4000])  # enough to choose from, and the vectors of more would take long
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

"""Whether an adapted tagger gives the same tags whichever way it computes: sequential, nothing kept, all kept.

    python benchmarks/same_tags.py            # writes results/benchmarks/same_tags.json; about ten minutes
    python benchmarks/same_tags.py --quick    # a few sentences, for trying it

Tags the Spanish and Dutch CoNLL-2002 test sets with the bundled tagger and English CoNLL-2003 as the source where
../shared/data is, else a test set of the bundled open corpus; the upper half of the blocks adapts by `sgd`. The
reference changes weights and puts them back, sentence after sentence. Beside the share of sentences that get the same
entities stands by how much scores of tags differ at most; and of each word whose best tag is another one, by how much
the best score exceeds the second in the reference: what is below 1e-4 is a tie.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from measuring import Row, arguments, save, tell
from subjects import adapting_upper_half, make_tagger, source, target
from tag_scores import Tagged, tag_with_scores

from salin.adaptation.adapter import Adapter
from salin.corpus import Corpus
from salin.models import Tagger
from salin.retrieval import SourceIndex, VectorSettings

KEEP = 4 << 30
LANGUAGES = ("es", "nl")
NAMED = 5


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    tagger = adapting_upper_half(make_tagger("salin-tiny"))
    known = source(tagger.labels)[: 2000 if chosen.quick else None]
    index = SourceIndex.build(tagger, known.sentences, VectorSettings.parse("mean-0-centred"))
    rows: list[Row] = []
    for language in LANGUAGES:
        tested = target(language)[: 20 if chosen.quick else None]
        what = f"{language} {tested.name}, {len(tested):,} sentences, supports of {known.name}"
        subject = f"salin-tiny, upper half adapts, {what}"
        rows += map(tell, _rows(tagger, known, index, tested, subject))
    save(chosen, "same_tags", rows)


def _rows(tagger: Tagger, known: Corpus, index: SourceIndex, corpus: Corpus, subject: str) -> Iterator[Row]:
    expected = tag_with_scores(tagger, Adapter(tagger, known, index=index, engine="sequential"), corpus.sentences)
    for name, keep, dtype in (
        ("nothing kept", 0, torch.float32),
        ("all kept", KEEP, torch.float32),
        ("all kept", KEEP, torch.bfloat16),
    ):
        adapter = Adapter(tagger, known, index=index, keep=keep, keep_dtype=dtype)
        found = tag_with_scores(tagger, adapter, corpus.sentences)
        pairs = list(zip(found.sentences, expected.sentences, strict=True))
        same = sum(a.spans() == b.spans() for a, b in pairs)
        furthest = max(float((a - b).abs().max()) for a, b in zip(found.scores, expected.scores, strict=True) if len(a))
        exact = dtype == torch.float32
        yield Row(
            subject, name, "share", "sentences with the entities of the sequential engine", same / len(pairs),
            rule="sgd",
            dtype="fp32" if exact else "fp32, gradients bf16", least=1.0 if exact else None,
            note=f"{len(pairs) - same} differ{_named(found, expected)}; scores by at most {furthest:.1e}",
            more={"differ": len(pairs) - same, "largest difference of scores": furthest},
        )  # fmt: skip


def _named(found: Tagged, expected: Tagged) -> str:
    """The first sentences that differ, each with the smallest lead of a best score over the second in the reference."""
    named: list[str] = []
    for number, (a, b) in enumerate(zip(found.sentences, expected.sentences, strict=True), 1):
        if a.spans() != b.spans():
            best = expected.scores[number - 1].topk(2, dim=1).values
            changed = found.scores[number - 1].argmax(1) != expected.scores[number - 1].argmax(1)
            leads = (best[:, 0] - best[:, 1])[changed]
            named.append(f"{number} ({float(leads.min()):.1e})" if len(leads) else f"{number} (paths)")
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f" ({', '.join(named[:NAMED])}{more})" if named else ""


if __name__ == "__main__":
    main()

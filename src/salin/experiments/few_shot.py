"""The results of few-shot cells: trained taggers, fine-tuned on shares of the target's training file."""

from __future__ import annotations

from dataclasses import replace

from salin.evaluation import evaluate
from salin.evaluation.result import Result
from salin.experiments.cell import Cell
from salin.experiments.corpora import Corpora
from salin.experiments.experiment import Experiment
from salin.experiments.system import FineTuning
from salin.experiments.taggers import base_folder, windows_of
from salin.models import Tagger
from salin.training.finetune import finetune, fraction


def few_shot_results(
    experiment: Experiment, cell: Cell, how: FineTuning, corpora: Corpora
) -> dict[str, dict[str, Result]]:
    """For each test, the results by row: the last weights after so many passes, nothing chosen by target data.

    Args:
        experiment: The recipe and its places.
        cell: One that is fine-tuned.
        how: On what, and for how long.
        corpora: Of its label set.
    """
    base, seed = base_folder(experiment, cell), cell.seed or 0
    assert base is not None
    settings = experiment.recipe.settings_of(experiment.system(cell), seed)
    tested: dict[str, dict[str, Result]] = {}
    for test, corpus in corpora.tests.items():
        target = corpora.read(how.train[test])
        for share in how.fractions:
            tagger = Tagger.from_pretrained(base)
            # A share may hold no entity of some type; the tagger's types are those of the whole file.
            part = replace(fraction(target, share, seed), labels=target.labels)
            steps = max(1, round(how.epochs * len(part) / settings.batch))
            loop = settings.loop.model_copy(update={"steps": steps, "evaluate_every": 0})
            folder = experiment.run_folder(cell) / f"{test}-{share}"
            finetune(tagger, part, corpora.dev, settings.model_copy(update={"loop": loop}), folder=folder)
            row = f"{cell.system} {share:.0%}"
            tested.setdefault(test, {})[row] = evaluate(
                tagger, corpus, system=row, seeds=cell.seeds, windows=windows_of(tagger)
            )
    return tested

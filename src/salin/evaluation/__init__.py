"""How good is a tagger, how sure is that, and what does it get wrong: scores, intervals, tests, results and reports.

It takes predictions or anything that tags sentences, and deliberately knows no models: nothing here imports torch,
reads a corpus file or prints.
"""

from __future__ import annotations

from salin.evaluation.calibration import (
    ReliabilityBin,
    ece,
    entity_confidences,
    fit_temperature,
    reliability_table,
)
from salin.evaluation.comparison import Comparison, ComparisonRow, Versus, compare
from salin.evaluation.counts import Counts, CountTable
from salin.evaluation.error_analysis import EntityError, ErrorAnalysis, ErrorKind, analyse_errors
from salin.evaluation.evaluate import evaluate, score_predictions
from salin.evaluation.intervals import Interval, SeedSummary, bootstrap_interval, difference_interval, summarise_seeds
from salin.evaluation.lenient import LenientScore, lenient_score
from salin.evaluation.records import AdaptationRecord, DataRecord, FileRecord, TranslationRecord
from salin.evaluation.report import ReportTable, comparison_table, error_table, result_table
from salin.evaluation.result import Result
from salin.evaluation.scoring import Score, entity_texts, score
from salin.evaluation.signature import Signature
from salin.evaluation.significance import (
    Randomisation,
    Significance,
    assess,
    holm,
    paired_randomisation,
    paired_runs,
    run_permutation,
)

__all__ = [
    "AdaptationRecord",
    "Comparison",
    "ComparisonRow",
    "CountTable",
    "Counts",
    "DataRecord",
    "EntityError",
    "ErrorAnalysis",
    "ErrorKind",
    "FileRecord",
    "Interval",
    "LenientScore",
    "Randomisation",
    "ReliabilityBin",
    "ReportTable",
    "Result",
    "Score",
    "SeedSummary",
    "Signature",
    "Significance",
    "TranslationRecord",
    "Versus",
    "analyse_errors",
    "assess",
    "bootstrap_interval",
    "compare",
    "comparison_table",
    "difference_interval",
    "ece",
    "entity_confidences",
    "entity_texts",
    "error_table",
    "evaluate",
    "fit_temperature",
    "holm",
    "lenient_score",
    "paired_randomisation",
    "paired_runs",
    "reliability_table",
    "result_table",
    "run_permutation",
    "score",
    "score_predictions",
    "summarise_seeds",
]

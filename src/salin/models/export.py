"""Taggers as ONNX files, which are written only when they tag as the tagger does."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from salin.corpus import Sentence
from salin.encoding import Bytes
from salin.errors import ModelError, SettingError
from salin.files import atomic_directory
from salin.models.agreement import Agreement, compare_taggers
from salin.models.folder import ONNX_FILE, save_parts
from salin.models.loading import quiet
from salin.models.network import TaggingNetwork
from salin.models.onnx_network import INPUTS, OUTPUT, onnx_extra
from salin.models.tagger import Tagger

if TYPE_CHECKING:
    import onnx_ir

ExportType = Literal["fp32", "int8"]
# What a protocol buffer can hold, and so one ONNX file.
_LARGEST_FILE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export came to.

    Attributes:
        agreement: With the tagger, of which the export is the second.
        bytes_before: Of the tagger's weights in fp32.
        bytes_after: Of the ONNX file.
    """

    agreement: Agreement
    bytes_before: int
    bytes_after: int


def export_onnx(
    tagger: Tagger,
    folder: str | Path,
    sentences: Iterable[Sentence],
    *,
    dtype: ExportType = "fp32",
    min_agreement: float = 0.99,
) -> ExportReport:
    """Writes a tagger as a folder that onnxruntime runs: the network as ONNX, and the rest as it is.

    What was written is loaded again and tags the sentences beside the tagger. Where they do not agree, nothing is left.

    Args:
        tagger: The tagger.
        folder: Where to; only an export that stands there is replaced.
        sentences: What both tag; labels are not looked at.
        dtype: `fp32`, or `int8` for weights of a quarter of the size (see `quantization`).
        min_agreement: The share of words whose tag has to be the same, in 0..1.

    Raises:
        ModelError: When they agree less than that, the tagger finds nothing in the sentences, its architecture cannot
            be exported, or one file cannot hold it.
        SettingError: When `min_agreement` is no share, or the extra `salin[onnx]` is not installed.
    """
    if not 0 < min_agreement <= 1:
        raise SettingError(f"min_agreement is a share of words, above 0 and at most 1, not {min_agreement}")
    if isinstance(tagger.tokenizer, Bytes):
        raise ModelError("a byte-level network cannot be exported to ONNX: what it does depends on the words it reads")
    for name in ("onnx", "onnxruntime", "onnxscript"):
        onnx_extra(name)
    network, chosen = tagger.network, list(sentences)
    before = sum(4 * parameter.numel() for parameter in network.parameters())
    if dtype == "fp32" and before > _LARGEST_FILE:
        raise ModelError(
            f"its weights take {before / 1e9:.1f} GB, an ONNX file at most 2.1: choose int8 (--dtype int8)"
        )
    graph = trace(network)
    if dtype == "int8":
        from salin.models.quantization import quantize

        quantize(graph)
    with atomic_directory(folder, marker=ONNX_FILE) as temporary, quiet():
        onnx_extra("onnx_ir").save(graph, temporary / ONNX_FILE)
        network.classifier.config.save_pretrained(temporary)
        save_parts(temporary, tagger.tokenizer, tagger.settings, network.crf)
        agreement = compare_taggers(tagger, Tagger.from_pretrained(temporary), chosen)
        _check(agreement, dtype, min_agreement)
        provenance = {**tagger.settings.provenance, "export": _record(agreement, dtype)}
        tagger.settings.model_copy(update={"provenance": provenance}).save(temporary)
        after = (temporary / ONNX_FILE).stat().st_size
    return ExportReport(agreement, before, after)


def trace(network: TaggingNetwork) -> onnx_ir.Model:
    """A network as an ONNX graph that takes batches of any size.

    Raises:
        ModelError: When torch cannot export it.
    """
    from salin.models.quantization import OPSET

    if network.device.type != "cpu":
        network = copy.deepcopy(network).cpu()
    ids = torch.zeros((2, 8), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    sizes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("length")}
    try:
        with _quiet_export():
            program = torch.onnx.export(
                network, (ids, mask), input_names=INPUTS, output_names=[OUTPUT], opset_version=OPSET, dynamo=True,
                dynamic_shapes=dict.fromkeys(INPUTS, sizes), verbose=False,
            )  # fmt: skip
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        kind, cause = network.classifier.config.model_type, error.__cause__ or error
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ModelError(f"torch {torch.__version__} cannot export {kind} to ONNX: {reason}") from error
    assert program is not None
    # Among what torch notes in a graph are names of files on this machine.
    onnx_extra("onnx_ir.passes.common").ClearMetadataAndDocStringPass()(program.model)
    return program.model


def _check(agreement: Agreement, dtype: ExportType, least: float) -> None:
    if not agreement.entities:
        raise ModelError(
            f"in the {agreement.sentences:,} sentences to check on the tagger finds no entity, so that any network "
            "would agree with it: check on others (--check FILE). Nothing was written"
        )
    if agreement.by_word < least:
        remedy = "export fp32 (--dtype fp32)" if dtype == "int8" else "report this"
        raise ModelError(
            f"the {dtype} export gives {agreement.by_word:.2%} of {agreement.words:,} words the tag that the "
            f"tagger gives, and {agreement.by_sentence:.2%} of {agreement.sentences:,} sentences the same entities "
            f"(largest difference of scores {agreement.largest_difference:.3g}); at least {least:.2%} of the words "
            f"were asked for (--min-agreement), so nothing was written: {remedy}"
        )


def _record(agreement: Agreement, dtype: ExportType) -> dict[str, Any]:
    return {
        "dtype": dtype,
        "torch": torch.__version__,
        "onnxruntime": onnx_extra("onnxruntime").__version__,
        "sentences": agreement.sentences,
        "same tag by word": round(agreement.by_word, 6),
        "same entities by sentence": round(agreement.by_sentence, 6),
        "largest difference of scores": agreement.largest_difference,
    }


@contextmanager
def _quiet_export() -> Generator[None]:
    """Keeps torch from reporting what an export of text does not need, and what becomes of its own code one day."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

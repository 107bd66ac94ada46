"""`salin info`: what is installed here, and what a model is made of."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salin.cli import options
from salin.errors import SettingError
from salin.values import is_list, is_object

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from salin.models import Tagger

_PACKAGES = (
    "salin",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "huggingface_hub",
    "onnxruntime",
)


def info(
    model: Annotated[
        str | None,
        typer.Argument(help="A bundled model, a folder, a Hugging Face id, or the folder of a run.", metavar="[MODEL]"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the curves of a run folder's log: .svg, .png or .pdf."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show versions and what this machine can do; with a model its labels, size, adapted layers and provenance.

    With the folder of a run that is not finished: how far it has come.
    """
    from salin.cli.console import note, print_json
    from salin.cli.run_folder import find_log

    folder = Path(model) if model is not None else None
    log = find_log(folder) if folder is not None else None
    if plot is not None:
        from salin.training.curves import plot_log

        if folder is None or log is None:
            raise SettingError("--plot draws the log.jsonl of a training run: name a folder that holds one")
        plot_log(log, plot, title=folder.resolve().name)
        note(f"{plot}: the curves of {log}")
    if model is None:
        described = _environment()
    elif folder is not None and log is not None and not (folder / "salin.json").exists():
        described = _run(log)
    else:
        described = _model(model)
    if as_json:
        print_json(described)
    else:
        _show(described)


def _run(log: Path) -> dict[str, Any]:
    from salin.training.curves import TrainingLog

    read = TrainingLog.read(log)
    described: dict[str, Any] = {"log": str(log)}
    if read.losses:
        step, loss = read.losses[-1]
        described |= {"last step": step, "loss": loss}
    if read.chosen is not None:
        step, f1 = read.chosen
        described |= {"chosen step": step, "F1 on dev": f1}
    return described


def _environment() -> dict[str, Any]:
    import torch

    from salin.evaluation.signature import installed_version

    return {
        "versions": {name: installed_version(name) or "not installed" for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        # Without instructions of its own for it, a processor is slower in bf16 than in fp32.
        "bf16 instructions": _has_bf16(),
    }


def _has_bf16() -> bool:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _model(name: str) -> dict[str, Any]:
    from salin.adaptation.engines import find_adaptable
    from salin.models import Tagger
    from salin.models.checksum import weights_checksum

    tagger = Tagger.from_pretrained(name)
    if tagger.exported:
        return _exported(name, tagger)
    settings, config = tagger.settings, tagger.network.classifier.config
    adaptable = find_adaptable(tagger.network, settings.frozen_blocks)
    modules = map(tagger.network.get_submodule, adaptable.modules)
    adapted = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    return {
        "model": name,
        "labels": list(settings.labels),
        "head": settings.head,
        "architecture": config.model_type,
        **_sizes(config),
        "vocabulary": len(tagger.tokenizer),
        "parameters": sum(p.numel() for p in tagger.network.parameters()),
        "adapted parameters": sum(p.numel() for p in adapted),
        "adapted modules": list(adaptable.modules),
        "excluded modules": dict(adaptable.excluded),
        "window": settings.max_length if tagger.windower.lengths else "the whole sentence",
        "temperature": settings.temperature,
        "sha256 of the weights": weights_checksum(tagger.network),
        "provenance": settings.provenance,
    }


def _sizes(config: PreTrainedConfig) -> dict[str, Any]:
    from salin.models.byte_config import ByteConfig

    if isinstance(config, ByteConfig):
        return {name.replace("_", " "): getattr(config, name) for name in config.sizes()}
    return {"blocks": config.num_hidden_layers, "width": config.hidden_size}


def _exported(name: str, tagger: Tagger) -> dict[str, Any]:
    from salin.corpus.catalogue import sha256_of
    from salin.models.folder import ONNX_FILE
    from salin.models.loading import load_config, resolve

    settings, folder = tagger.settings, resolve(name)
    return {
        "model": name,
        "runs with": "onnxruntime",
        "labels": list(settings.labels),
        "head": settings.head,
        "architecture": load_config(folder).model_type,
        "vocabulary": len(tagger.tokenizer),
        "window": settings.max_length,
        "temperature": settings.temperature,
        "sha256 of the ONNX file": sha256_of(folder / ONNX_FILE),
        "provenance": settings.provenance,
    }


def _show(described: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from salin.cli.console import output

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in described.items():
        table.add_row(Text(name), Text(_readable(value)))
    output.print(table)


def _readable(value: Any, before: str = "") -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if is_object(value):
        lines: list[str] = []
        for name, inner in value.items():
            nested = bool(inner) and (is_object(inner) or (is_list(inner) and is_object(inner[0])))
            gap = "\n" if nested else " "
            lines.append(f"{before}{name}{':' if nested else ''}{gap}{_readable(inner, before + '  ')}")
        return "\n".join(lines) or "none"
    if is_list(value):
        if any(is_object(item) or is_list(item) for item in value):
            return _readable(dict(enumerate(value)), before)
        return ("\n" if len(value) > 8 else ", ").join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)

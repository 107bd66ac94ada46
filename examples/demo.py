"""The main job on what salin brings along: train, adapt, tag, and a table with intervals. `make demo` runs it.

It meta-trains a tagger on the open corpus (English) from the bundled encoder, tags sentences of languages that it has
seen no label of, shows what each of them learned from, and compares `direct`, `meta` and `meta` with adaptation. Its
results go to a temporary folder, so that each run trains anew; `--keep FOLDER` keeps them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

import salin
from salin.experiments import recipe_table, run_recipe
from salin.experiments.recipe import Recipe

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "demo.toml"
SENTENCES = {
    "es": "La alcaldesa Rosa Ibáñez viajó el martes a Lisboa para reunirse con directivos de Renault.",
    "nl": "Volgens Reuters heeft minister Pieter van Dam in Brussel met de Duitse regering gesproken.",
    "tl": "Dumating si Maria Santos sa Maynila kahapon kasama ang mga kinatawan ng United Nations.",
    "zh": "周三，王芳在北京会见了德国西门子公司的代表。",
}
COLOURS = {"PER": "bold magenta", "LOC": "bold green", "ORG": "bold cyan", "MISC": "bold yellow"}


def main() -> None:
    """Runs the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="keep results and trained taggers in this folder")
    keep = parser.parse_args().keep
    console = Console(soft_wrap=True)
    started = time.perf_counter()
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="salin-demo-")))
        console.print("[bold]Training on 910 English sentences from the bundled encoder[/bold]")
        run_recipe(RECIPE, results=folder / "results", runs=folder / "runs", tell=console.print)
        trained = next((folder / "runs" / "demo").glob("meta-open-95.*/tagger"))
        source = salin.load_open_corpus("en", "train")
        rule = Recipe.read(RECIPE).systems["meta"].adapt["adapt"].resolved_rule
        adapter = salin.Adapter(salin.Tagger.from_pretrained(trained), source, rule=rule)
        console.print("\n[bold]Tagged after a step on the nearest English sentences[/bold]")
        for language, text in SENTENCES.items():
            sentence = adapter.tag(text, language=language)
            console.print(Text(f"{language}  ").append_text(_marked(sentence)))
            for neighbour in sentence.neighbours:
                learned = Text(f"      learned from ({neighbour.similarity:.2f}) ", style="dim")
                console.print(learned.append_text(_marked(neighbour.sentence)))
        console.print()
        console.print(recipe_table(RECIPE, folder / "results"))
    console.print(f"{time.perf_counter() - started:.0f} seconds in all")


def _marked(sentence: salin.Sentence) -> Text:
    """A sentence with its entities in colour and their types behind them."""
    text, end = Text(), 0
    for entity in sentence.entities:
        text.append(sentence.text[end : entity.start])
        text.append(f"{entity.text}|{entity.label}", style=COLOURS.get(entity.label, "bold"))
        end = entity.end
    return text.append(sentence.text[end:])


if __name__ == "__main__":
    main()

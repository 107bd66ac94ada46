"""Experiments: recipes, the cells they fall into, a result file for each finished cell, tables and figures of these.

A recipe says which systems are trained on what and tested on what. It is here alone (and in `salin evaluate`) that test
files are read, and nothing is ever chosen by them. What experiments do not know: how any of the methods works.
"""

from __future__ import annotations

from salin.experiments.documents import fill_documents
from salin.experiments.plots import plot_recipe
from salin.experiments.recipe import Recipe
from salin.experiments.run import run_recipe
from salin.experiments.tables import recipe_table

__all__ = ["Recipe", "fill_documents", "plot_recipe", "recipe_table", "run_recipe"]

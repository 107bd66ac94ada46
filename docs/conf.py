"""Settings of the documentation: `make docs`."""

from __future__ import annotations

import importlib.metadata
import re

project = "salin"
author = "The salin authors"
project_copyright = "2026, The salin authors"
version = release = importlib.metadata.version("salin")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.typer"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"page_width": "70em", "sidebar_width": "16em"}
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Docstrings are plain text with `code` between single backticks.
default_role = "code"

_REFERENCE = re.compile(r"\[([^\]\[]+)\]\[(salin\.[\w.]+)\]")


def _link_references(app, what, name, obj, options, lines):
    """Turns `[fit][salin.training.loop.fit]`, which reads well in an editor too, into a link."""
    lines[:] = [_REFERENCE.sub(r":py:obj:`\1 <\2>`", line) for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", _link_references)

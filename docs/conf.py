"""Sphinx configuration of the site; `make site` builds it with the repository as the source."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_extensions")]

from ser_lib import __version__  # noqa: E402

project = "ser_lib"
author = "The ser_lib authors"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "api",
    "descriptions",
    "gallery",
    "offline",
    "results",
    "usage",
]

# Pages are Markdown files and notebooks where they lie, so that every link that holds in the
# repository holds, and is checked, in the site.
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "reports/README.md",
    "reports/*/README.md",
    "reports/*/runs.md",
    "reports/*/*.ipynb",
    "benchmarks/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "ser_lib/recognition/models/*/README.md",
]
exclude_patterns = [
    ".*",
    "**/.*",
    "build",
    "dist",
    "reports/synthetic",
    "**/*.failed.ipynb",
    "docs/_*",
    "tests",
]

# Nothing is executed: notebooks show the outputs that are stored in them.
nb_execution_mode = "off"
# Their Markdown outputs may hold tables.
nb_render_markdown_format = "gfm"
nb_ipywidgets_js = {}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

nitpicky = True
# Types in docstrings are words ("path", "array of float", "mapping"), and classes of libraries have
# their own documentation; what is checked is references to this package.
nitpick_ignore_regex = [(r"py:.*", r"(?!ser_lib\.).*")]
default_role = "name"
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Pages of results list their sections themselves, and need the width for their tables.
WIDE = [
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in sorted([ROOT / "reports" / "README.md", *ROOT.glob("reports/*/*.md")])
]

html_sidebars = {page: [] for page in WIDE}
html_theme = "pydata_sphinx_theme"
html_title = "ser_lib"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["tables.js"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "light"}
html_theme_options = {
    "navbar_end": [],
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"]} | {page: [] for page in WIDE},
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
}

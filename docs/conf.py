"""Sphinx's settings. Build with `sphinx-build -W --keep-going -n docs docs/_build/html`."""

import importlib
import os
import re

from docutils import nodes
from sphinx.domains.python import PyXRefRole
from sphinx.util import logging

import sknumerai

# pages show synthetic data only, whatever files the machine has
os.environ.pop("SKNUMERAI_TEST_DATA", None)

project = "sknumerai"
author = "the sknumerai developers"
copyright = "the sknumerai developers"
version = release = sknumerai.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]
# `name` links to what it names, if anything has that name; see `setup`
default_role = "py:name"
extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}

html_theme = "pydata_sphinx_theme"
html_title = "sknumerai"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]
# pages without pages below them
alone = ["changelog", "coming_from", "developing", "faq", "glossary", "index"]
alone += ["install", "tour"]
html_sidebars = {page: [] for page in alone}
html_theme_options = {
    "show_toc_level": 2,
    "navigation_depth": 3,
    "secondary_sidebar_items": ["page-toc"],
}

# links to headings as GitHub writes them
myst_heading_anchors = 4

# a page for each name of a subpackage's `__all__`
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Names of other packages are not looked up: that would need the network.
nitpick_ignore_regex = [
    (r"py:name", r"(?s).*"),
    (r"py:.*", r"(functools|joblib|matplotlib|numpy|optuna|pandas)\..*"),
    (r"py:.*", r"(scipy|sklearn|skorch|torch|warnings)\..*"),
]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    # the others are shown without being run: they take minutes
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("sknumerai",),
    "reference_url": {"sknumerai": None},
    "backreferences_dir": "api/backreferences",
    "download_all_examples": False,
    "min_reported_time": 0,
    "show_memory": False,
    "remove_config_comments": True,
}


def skip_member(app, what, name, obj, skip, options):
    """Leave out what classes inherit from other packages."""
    function = getattr(obj, "fget", None) or obj
    module = getattr(function, "__module__", None) or "sknumerai"
    return skip or not module.startswith("sknumerai")


def link_to_rendered_gallery(app, docname, source):
    """Link to the page that a script becomes; in the repository, to the script."""
    source[0] = re.sub(
        r"\]\(((?:\.\./)*)gallery/(\w+)\.py\)",
        r"](\1auto_gallery/\2.rst)",
        source[0].replace("](gallery/)", "](auto_gallery/index.rst)"),
    )


public = {
    name: f"sknumerai.{subpackage}.{name}"
    for subpackage in sknumerai.__all__
    for name in importlib.import_module(f"sknumerai.{subpackage}").__all__
}


def find_public_name(app, env, node, contnode):
    """Find a public name of another subpackage, which a docstring need not write out."""
    found = node.get("refdomain") == "py" and public.get(node["reftarget"])
    if not found:
        return None
    py = env.get_domain("py")
    return py.resolve_xref(
        env, node["refdoc"], app.builder, "obj", found, node, contnode
    )


def link_names(app, doctree, docname):
    """Link names of functions and classes in prose to their pages."""
    if app.builder.format != "html" or docname.startswith("api/"):
        return
    for literal in list(doctree.findall(nodes.literal)):
        page = public.get(literal.astext().partition("(")[0])
        if page and not isinstance(literal.parent, nodes.reference):
            uri = app.builder.get_relative_uri(docname, f"api/generated/{page}")
            link = nodes.reference("", "", literal.deepcopy(), refuri=uri)
            literal.replace_self(link)


def check_every_name_has_a_page(app, env):
    """Warn, which ends the build, of public names without a page."""
    for name in public.values():
        if f"api/generated/{name}" not in env.found_docs:
            logging.getLogger(__name__).warning("%s has no page", name)


def setup(app):
    app.add_role_to_domain("py", "name", PyXRefRole())
    app.connect("autodoc-skip-member", skip_member)
    app.connect("source-read", link_to_rendered_gallery)
    app.connect("missing-reference", find_public_name)
    app.connect("doctree-resolved", link_names)
    app.connect("env-check-consistency", check_every_name_has_a_page)

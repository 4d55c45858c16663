"""Links between pages, to headings and to files lead somewhere; pages name what exists.

External links are checked by `sphinx-build -b linkcheck`, which needs the network.
"""

import importlib
import re
from pathlib import Path

import pytest

import sknumerai

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = {"_build", "auto_gallery", "generated", "backreferences"}
PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
    if not BUILT & set(path.relative_to(ROOT).parts)
]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\[[^\]\n]*(?:\n[^\]\n]+)?\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,4} +(.+?) *$", re.MULTILINE)
NAME = re.compile(r"\bsknumerai(?:\.[a-z_]+)*\.(?!service|timer)[A-Za-z_]+\b")


def prose(path):
    """Return a page without its code."""
    return FENCE.sub("", path.read_text())


def anchors(path):
    """Return the anchors of a page's headings, as GitHub and the site name them."""
    found = []
    for heading in HEADING.findall(prose(path)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        again = sum(re.fullmatch(rf"{slug}(-\d+)?", a) is not None for a in found)
        found.append(f"{slug}-{again}" if again else slug)
    return found


def test_pages_are_found():
    names = {path.relative_to(ROOT).as_posix() for path in PAGES}
    assert names >= {"README.md", "docs/index.md", "docs/user_guide/eras.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links(page):
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link} leads to no file"
        assert ROOT in [target, *target.parents], f"{link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: no such heading: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_names_of_the_package_exist(page):
    for name in set(NAME.findall(page.read_text())):
        _, *parts = name.split(".")
        obj = sknumerai
        for i, part in enumerate(parts):
            try:
                obj = getattr(obj, part)
            except AttributeError:
                obj = importlib.import_module(".".join(["sknumerai", *parts[: i + 1]]))


def test_every_page_can_be_reached_from_the_first():
    # those of the user guide stand in its table of contents, which takes all there are
    assert "\n*\n" in (DOCS / "user_guide" / "index.md").read_text()
    reached, waiting = set(), [DOCS / "index.md", *(DOCS / "user_guide").glob("*.md")]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve()
            for link in LINK.findall(prose(page))
            if not re.match(r"[a-z]+:|#", link)
        ]
    lost = {p.name for p in PAGES if DOCS in p.parents} - {p.name for p in reached}
    assert not lost, f"no link leads to {', '.join(sorted(lost))}"


def test_every_subpackage_is_in_the_reference():
    # its template lists each name of `__all__`, and each gets a page
    index = (DOCS / "api" / "index.rst").read_text()
    listed = re.findall(r"^   sknumerai\.(\w+)$", index, re.MULTILINE)
    assert sorted(listed) == sorted(sknumerai.__all__)
    template = DOCS / "_templates" / "autosummary" / "module.rst"
    assert "for item in members" in template.read_text()

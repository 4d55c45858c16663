"""The code in README and the user guide runs, page by page, and prints what it says.

Blocks fenced as `python` are run in the order of the page; other fences (`text`, `sh`,
`py` for what needs Numerai's own files) are not.
"""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def test_pages_are_found():
    assert len(PAGES) >= 5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_of_the_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(BLOCK.findall(page.read_text())):
        name = f"{page.name}[{number}]"
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(
                block, namespace, name, str(page), 0
            )
            runner = doctest.DocTestRunner(optionflags=FLAGS)
            runner.run(test, clear_globs=False)
            namespace.update(test.globs)
            assert not runner.failures, name
        else:
            exec(compile(block, name, "exec"), namespace)  # noqa: S102

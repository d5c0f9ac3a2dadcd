"""The pages hold together: links lead somewhere, and the page of errors is what the errors are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from doc_reader import MEANWHILE, ROOT, blocks_of

import azjobs as az
from azjobs.core import errors
from azjobs.core.errors import AzJobsError

PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")])
ERRORS_PAGE = ROOT / "docs" / "reference" / "errors.md"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

ERRORS_HEAD = """# Errors

<!-- Made from `azjobs.core.errors`; a test fails when it is not up to date.
     To make it: PYTHONPATH=tests python tests/docs/test_doc_pages.py -->

Every error that azjobs raises is an `AzJobsError`, and can be caught by any name above its own.
The shell prints its message as one sentence on stderr, and ends with its exit code.
Details of Azure's answer follow in a line of their own.
The meaning below is the message where nothing more is known; as a rule the message names the thing.
A name without `az.` is caught by the one that it is a kind of.

| error | is a | exit code | meaning |
| --- | --- | --- | --- |
"""
ERRORS_FOOT = """
`JobFailed` and `RequestFailed` have a `.fault`, which is an `az.Fault` or None.
It has `code`, `message`, `target`, `http_status`, `correlation_id`, and `left`: what was created and still exists.
`JobFailed.output` is what the job had given until then.
For a failed request the exit code is 4 where Azure answered 401 or 403, and 3 where it answered 404.
Anything that is no `AzJobsError` is a fault of azjobs, is said to be one, and has exit code 1.
"""


def errors_page() -> str:
    """Return the page of errors: each under the one it is a kind of, in the order of their definition."""
    rows = "".join(_row(kind) for kind in _below(AzJobsError))
    return f"{ERRORS_HEAD}{rows}{ERRORS_FOOT}"


def _below(kind: type[AzJobsError]) -> list[type[AzJobsError]]:
    own = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return [kind, *(deeper for one in own for deeper in _below(one))]


def _row(kind: type[AzJobsError]) -> str:
    name = f"`az.{kind.__name__}`" if kind.__name__ in az.__all__ else f"`{kind.__name__}`"
    parents = [base.__name__ for base in kind.__bases__]
    meaning = (inspect.getdoc(kind) or "").partition("\n")[0]
    return f"| {name} | {', '.join(f'`{one}`' for one in parents)} | {kind.exit_code} | {meaning} |\n"


def test_the_page_of_errors_is_up_to_date() -> None:
    """After a change: PYTHONPATH=tests python tests/docs/test_doc_pages.py"""
    assert ERRORS_PAGE.read_text(encoding="utf-8") == errors_page()


def test_every_error_of_the_product_is_on_the_page() -> None:
    """Whether or not it is found by way of its parents."""
    page = errors_page()
    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AzJobsError)}
    assert [name for name in sorted(defined) if not re.search(rf"^\| `(az\.)?{name}` ", page, re.MULTILINE)] == []


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    """To a file or folder that is there, and to a heading that is in it."""
    broken = []
    for link in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_everything_that_can_happen_on_a_page_happens_on_one() -> None:
    """None of the names in MEANWHILE is left over."""
    used = {
        block.text
        for page in PAGES
        for block in blocks_of(page.read_text(encoding="utf-8"))
        if block.kind == "meanwhile"
    }
    assert used == set(MEANWHILE)


if __name__ == "__main__":
    ERRORS_PAGE.write_text(errors_page(), encoding="utf-8")

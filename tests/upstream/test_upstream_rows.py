"""Every behaviour that upstream tests is accounted for, and the page of differences says what these tests show.

To make the page: PYTHONPATH=tests python tests/upstream/test_upstream_rows.py
"""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from differences import DIFFERENCES
from upstream_parameters import CALLED, MEANS_OTHERWISE, NO_COMMANDS, NOT_OFFERED, PARAMETERS
from upstream_rows import LISTS, ROWS, Row

from azjobs.cli.faces import face_of
from azjobs.cli.options import powershell_options, shell_parameters
from azjobs.commands.table import COMMANDS, Command, find_command

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "differences-from-powershell-jobs.md"
COUNT = 144

HEAD = """# Differences from PowerShell's jobs

<!-- Made from the tests in tests/upstream; a test fails when it is not up to date.
     To make it: PYTHONPATH=tests python tests/upstream/test_upstream_rows.py -->

The job commands are PowerShell's, with its names, parameters and states.
This page says where they differ on purpose, and why.
Everything on it is shown by a test of the same name in `tests/upstream`, which runs real jobs.
How Azure commands and contexts differ: [come from Azure PowerShell](../how-to/come-from-azure-powershell.md).
"""
PARAMETERS_HEAD = """
## Parameters that are not there, or mean something else

Every other parameter of these cmdlets is, by its own name: `azjobs Get-Job -IncludeChildJob`.

| cmdlet | parameter | because |
| --- | --- | --- |
"""
ROWS_HEAD = """
## What upstream's own tests assert

PowerShell's, ThreadJob's and Azure PowerShell's test suites have {count} cases about jobs:
{same} are the same here, {differ} differ on purpose, {out} are about what there is not here.

### The same
"""


class Shown(NamedTuple):
    """A test, and what its marks say that it shows."""

    name: str
    rows: tuple[int, ...]
    differences: tuple[str, ...]


def shown() -> Iterator[Shown]:
    """Read the marks of all tests in this folder."""
    for file in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = [one for one in node.decorator_list if isinstance(one, ast.Call)]
                rows = [_value(arg) for mark in marks for arg in mark.args if _is(mark, "upstream")]
                names = [_value(arg) for mark in marks for arg in mark.args if _is(mark, "difference")]
                yield Shown(f"{file.stem}::{node.name}", tuple(map(int, rows)), tuple(names))


def _is(mark: ast.Call, name: str) -> bool:
    return ast.unparse(mark.func) == f"pytest.mark.{name}"


def _value(argument: ast.expr) -> str:
    assert isinstance(argument, ast.Constant)
    return str(argument.value)


def page() -> str:
    """Return the page."""
    tests = list(shown())
    parts = [HEAD]
    for title, differences in DIFFERENCES.items():
        parts.append(f"\n## {title}\n\n| in PowerShell | here | because | test |\n| --- | --- | --- | --- |\n")
        for one in differences:
            test = next(test.name for test in tests if one.name in test.differences)
            parts.append(f"| {_cell(one.there)} | {_cell(one.here)} | {_cell(one.why)} | {_test(test)} |\n")
    parts.append(PARAMETERS_HEAD)
    parts += [
        f"| {cmdlet} | {name} | {_cell(why)} |\n" for (cmdlet, name), why in (NOT_OFFERED | MEANS_OTHERWISE).items()
    ]
    parts += [f"| {cmdlet} | | {_cell(why)} |\n" for cmdlet, why in NO_COMMANDS.items()]
    same, differ = [row for row in ROWS if _is_same(row)], [row for row in ROWS if row.differs]
    parts.append(ROWS_HEAD.format(count=COUNT, same=len(same), differ=len(differ), out=COUNT - len(same) - len(differ)))
    parts.append("\n| | upstream | test |\n| --- | --- | --- |\n")
    parts += [f"| {row.number} | {_cell(row.says)} | {_tests_of(row, tests)} |\n" for row in same]
    parts.append("\n### Different on purpose\n\n| | upstream | here | test |\n| --- | --- | --- | --- |\n")
    parts += [f"| {r.number} | {_cell(r.says)} | {_cell(r.differs)} | {_tests_of(r, tests)} |\n" for r in differ]
    parts.append("\n### Out\n\n")
    for name in LISTS:
        numbers = [str(row.number) for row in ROWS if row.out == name]
        parts.append(f"- {name}: {', '.join(numbers)}\n")
    return "".join(parts)


def _is_same(row: Row) -> bool:
    return not row.differs and not row.out


def _tests_of(row: Row, tests: list[Shown]) -> str:
    return ", ".join(_test(test.name) for test in tests if row.number in test.rows)


def _test(name: str) -> str:
    return f"`{name.partition('::')[2].removeprefix('test_')}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_every_case_of_upstream_has_one_row() -> None:
    """Numbered from 1 to 144, in order, and each is the same, differs, or is on a list of what is out."""
    assert [row.number for row in ROWS] == list(range(1, COUNT + 1))
    assert [row.number for row in ROWS if row.differs and row.out] == []
    assert {row.out for row in ROWS if row.out} <= set(LISTS)


def test_every_row_that_is_the_same_is_shown_by_a_test() -> None:
    """And no test claims to show what is out, or is no row."""
    rows = {row.number: row for row in ROWS}
    marked = {number for test in shown() for number in test.rows}
    assert sorted(number for number, row in rows.items() if _is_same(row) and number not in marked) == []
    assert sorted(number for number in marked if number not in rows or rows[number].out) == []


def test_every_difference_is_shown_by_one_test() -> None:
    """And no test claims to show another."""
    marked = Counter(name for test in shown() for name in test.differences)
    assert marked == Counter(one.name for differences in DIFFERENCES.values() for one in differences)


def _command(cmdlet: str) -> Command:
    found = find_command([cmdlet])
    assert found is not None
    return found[0]


def _taken(cmdlet: str) -> set[str]:
    """The parameters of a cmdlet here, in the shell and in Python, without case and underscores."""
    command = _command(cmdlet)
    options = powershell_options(shell_parameters(command, face_of(command).function))
    names = {name for option in options for name in option.names} | set(inspect.signature(command.load()).parameters)
    return {name.replace("_", "").lower() for name in names}


@pytest.mark.parametrize("cmdlet", PARAMETERS)
def test_every_parameter_of_powershell_is_taken_or_said_to_be_missing(cmdlet: str) -> None:
    """By its own name, or by the one that it has in Python; none that is said to be missing is there."""
    taken = _taken(cmdlet)
    for name in PARAMETERS[cmdlet]:
        is_taken = bool({name.lower(), CALLED.get(name, name).lower()} & taken)
        assert is_taken is not ((cmdlet, name) in NOT_OFFERED), name


def test_what_is_said_to_be_missing_is_a_parameter_of_powershell() -> None:
    """And cmdlets that are said to be missing are none of ours."""
    assert {name for cmdlet, name in NOT_OFFERED if name not in PARAMETERS[cmdlet]} == set()
    assert {command.cmdlet for command in COMMANDS} & NO_COMMANDS.keys() == set()
    assert set(PARAMETERS) <= {command.cmdlet for command in COMMANDS}


def test_the_page_of_differences_is_up_to_date() -> None:
    """After a change: PYTHONPATH=tests python tests/upstream/test_upstream_rows.py"""
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

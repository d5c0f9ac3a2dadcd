"""What the pages tell their readers to do works, and shows what the pages say."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_reader import PASSWORD, ROOT, Block, Reader, blocks_of

from terminal import Home, Python, Shell

PAGES = sorted([*(ROOT / "docs" / "tutorial").glob("*.md"), *(ROOT / "docs" / "how-to").glob("*.md")])
README = list(blocks_of((ROOT / "README.md").read_text(encoding="utf-8")))


@pytest.fixture
def reader(home: Home, shell: Shell, python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Somebody with an empty folder and an embedded cloud where time passes at once."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    home.start_cloud()
    # What a page shows as Running takes a moment, so that a busy machine cannot show it as Completed.
    moment = {"mode": "seconds", "seconds": 1.0}
    home.cloud.time("at-once", kinds={"vm-create": moment, "vm-deallocate": moment})
    home.cloud.retry_after(0)
    for name in [name for name in shell.environment if name.startswith("PYTEST_")]:
        del shell.environment[name]
    # What a page's own tests leave running is in the home then, and ends with it.
    shell.environment |= {"VM_PASSWORD": PASSWORD, "PYTEST_DEBUG_TEMPROOT": str(home.folder), "RUNNER_TEMP": "/none"}
    return Reader(home, shell, python, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_can_be_followed_from_its_beginning(page: Path, reader: Reader) -> None:
    """Every session, program and script of the page, in its order, from an empty home."""
    reader.follow(page)


@pytest.mark.parametrize("block", README, ids=lambda block: f"line-{block.line}")
def test_each_example_of_the_readme_works_by_itself(block: Block, reader: Reader, shell: Shell) -> None:
    """For somebody who has signed in and has a credential named admin."""
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    kept = shell("azjobs credential get --name admin --username vmadmin --password-stdin", stdin=f"{PASSWORD}\n")
    assert kept.code == 0, kept
    reader.act(block, f"README.md:{block.line}")

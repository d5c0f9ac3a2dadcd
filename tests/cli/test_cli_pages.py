"""The pages that are made from the table are complete and up to date."""

from __future__ import annotations

from pathlib import Path

from azjobs.cli.pages import man_page, reference
from azjobs.commands.table import COMMANDS

ROOT = Path(__file__).parents[2]


def test_the_reference_page_is_up_to_date():
    """After a change: azjobs commands --page markdown > docs/reference/commands.md"""
    assert (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8") == reference()


def test_every_command_is_in_both_pages():
    """With what it takes."""
    page, manual = reference(), man_page()
    for command in COMMANDS:
        assert f"\n### {command.words}\n" in page
        assert f"\n.SS {command.words}".replace("-", "\\-") in manual
    assert "| `--as-job` | `-AsJob` |" in page
    assert "\\fB\\-\\-as\\-job\\fR" in manual


def test_no_line_of_the_manual_is_taken_for_a_request_by_accident():
    """Every line that begins with a dot is one of the requests that the page is made of."""
    requests = {line.split()[0] for line in man_page().splitlines() if line.startswith(".")}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".br", ".nf", ".fi"}

"""The types of the commands are exact, for mypy as for whoever reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_mypy_agrees_with_every_claim(tmp_path: Path):
    """`Job[VirtualMachine]` with as_job=True, `VirtualMachine` without; wrong calls are refused."""
    config, source = ROOT / "pyproject.toml", ROOT / "tests" / "cli" / "typed_commands.py"
    cache = ROOT / ".mypy_cache"
    out, err, code = api.run([f"--config-file={config}", f"--cache-dir={cache}", "--warn-unused-ignores", str(source)])
    assert (out.strip(), err, code) == ("Success: no issues found in 1 source file", "", 0)

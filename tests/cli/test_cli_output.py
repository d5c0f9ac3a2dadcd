"""Values are printed in the form that was asked for."""

from __future__ import annotations

import pytest

from azjobs.cli.output import Format, ids, plain_table, query, render
from azjobs.cli.tables import Column, layout
from azjobs.core.errors import InvalidInput

ROWS = [{"id": 1, "name": "one", "tags": {"env": "dev"}}, {"id": 2, "name": None, "tags": {}}]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Format.JSON, '[\n  {\n    "id": 1,\n    "name": "ü"\n  }\n]\n'),
        (Format.JSONL, '{"id":1,"name":"ü"}\n'),
        (Format.TSV, "1\tü\n"),
        (Format.YAML, "- id: 1\n  name: ü\n"),
        (Format.TABLE, "Id  Name\n1   ü\n"),
    ],
)
def test_each_form_of_the_same_value(form, text):
    """Table, JSON, JSON lines, TSV and YAML of one list of one row."""
    assert render([{"id": 1, "name": "ü"}], form) == text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ([], Format.JSON, "[]\n"),
        ([], Format.JSONL, ""),
        ([], Format.TSV, ""),
        ([], Format.TABLE, ""),
        ("x", Format.JSON, '"x"\n'),
        ("x", Format.TABLE, "x\n"),
        ("x", Format.YAML, "x\n"),
        (None, Format.TABLE, ""),
        (["a", "b"], Format.TSV, "a\nb\n"),
        ([["a", 1], ["b", None]], Format.TSV, "a\t1\nb\t\n"),
        (["a\tb\nc"], Format.TSV, "a\\tb\\nc\n"),
        ([["a", 1], ["b"]], Format.TABLE, "a  1\nb\n"),
        ([{"nested": {"x": 1}}], Format.TSV, '{"x":1}\n'),
        ([{"flag": True}], Format.TSV, "true\n"),
    ],
)
def test_values_that_are_not_rows(value, form, text):
    """Nothing, one value, lists of values and of lists, and cells that would break their row."""
    assert render(value, form) == text


def test_a_table_of_any_rows_shows_their_plain_keys():
    """Nested values are for JSON; a key that one row lacks is empty there."""
    assert plain_table([*ROWS, {"id": 3, "more": "x"}]) == "Id  Name  More\n1   one\n2\n3         x\n"


def test_a_query_picks_from_the_value():
    """JMESPath, as in `az`."""
    assert query(ROWS, "[?tags.env=='dev'].id") == [1]
    assert render(query(ROWS, "[].name"), Format.TSV) == "one\n"


def test_a_query_that_is_none_is_refused():
    """The sentence shows the expression, on one line."""
    with pytest.raises(InvalidInput, match=r"^--query '\[\?' cannot be used: .+") as caught:
        query(ROWS, "[?")
    assert "\n" not in str(caught.value)


def test_only_ids_are_one_a_line():
    """The id of each thing, else its name; a query's values as they are."""
    assert ids(ROWS) == "1\n2\n"
    assert ids([{"name": "Staging"}]) == "Staging\n"
    assert ids({"id": "/subscriptions/x"}) == "/subscriptions/x\n"
    assert ids(["a", 2]) == "a\n2\n"


COLUMNS = [Column("Id", is_right=True), Column("Name", shrinks=True), Column("State")]


def test_columns_are_as_wide_as_they_need():
    """Numbers stand right, two blanks between columns, none at the end of a line."""
    text = layout(COLUMNS, [["1", "nightly", "Running"], ["12", "x", ""]])
    assert text == "Id  Name     State\n 1  nightly  Running\n12  x\n"


def test_a_narrow_terminal_shortens_names_and_nothing_else():
    """The columns that may give way do, with an ellipsis, but never below what tells them apart."""
    rows = [["1", "a very long name indeed", "Running"]]
    assert layout(COLUMNS, rows, width=24) == "Id  Name         State\n 1  a very lon…  Running\n"
    assert "a very …" in layout(COLUMNS, rows, width=5)


def test_a_name_cannot_steer_the_terminal():
    """Escapes are shown, a line feed becomes a blank."""
    text = layout([Column("Name")], [["\x1b[2Jevil\n2nd"]])
    assert text == "Name\n\\x1b[2Jevil 2nd\n"


def test_wide_letters_keep_the_columns_straight():
    """A letter that takes two places counts as two."""
    assert layout([Column("A"), Column("B")], [["日本", "x"], ["abcd", "y"]]) == "A     B\n日本  x\nabcd  y\n"
    assert layout([Column("A", shrinks=True)], [["日本日本日本日本"]], width=9) == "A\n日本日本…\n"

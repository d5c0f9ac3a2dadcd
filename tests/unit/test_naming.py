"""Names that Azure does not take are refused before anything is sent, in one sentence that says why."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core import naming
from azjobs.core.errors import InvalidInput
from azjobs.core.naming import LINUX, WINDOWS, ResourceId, group_of, is_wildcard, matches, parse_resource_id, path_of

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


@pytest.mark.parametrize("name", ["a", "prod_(west).1-x", "Größe", "x" * 90])
def test_a_resource_group_may_be_called_so(name: str) -> None:
    """Letters of any language, digits, - . _ ( ), up to 90."""
    assert naming.check_group_name(name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "1 to 90"), ("x" * 91, "has 91"), ("a/b", "'/'"), ("a b", "a space"), ("end.", "period"), ("a\x07", "x07")],
)
def test_a_resource_group_may_not_be_called_so(name: str, words: str) -> None:
    """The sentence names the rule."""
    with pytest.raises(InvalidInput, match=words):
        naming.check_group_name(name)


@pytest.mark.parametrize(
    ("name", "system"), [("MyVm", WINDOWS), ("x" * 15, WINDOWS), ("x" * 64, LINUX), ("0-1", WINDOWS)]
)
def test_a_machine_may_be_called_so(name: str, system: str) -> None:
    """15 characters for Windows, 64 for Linux."""
    assert naming.check_machine_name(name, system) == name


@pytest.mark.parametrize(
    ("name", "system", "words"),
    [
        ("", LINUX, "1 to 64"),
        ("x" * 16, WINDOWS, "1 to 15"),
        ("x" * 65, LINUX, "1 to 64"),
        ("a_b", LINUX, "'_'"),
        ("a.b", WINDOWS, r"'\.'"),
        ("a b", LINUX, "a space"),
        ("vm-", LINUX, "hyphen"),
        ("123", WINDOWS, "digits only"),
        ("../x", LINUX, "'/'"),
    ],
)
def test_a_machine_may_not_be_called_so(name: str, system: str, words: str) -> None:
    """Its name is the computer's name too."""
    with pytest.raises(InvalidInput, match=words):
        naming.check_machine_name(name, system)


@pytest.mark.parametrize(
    ("name", "words"), [("", "1 to 80"), ("x" * 81, "has 81"), ("_a", "beginning"), ("a-", "ending")]
)
def test_a_network_part_may_not_be_called_so(name: str, words: str) -> None:
    """Begins with a letter or digit, ends with one or with an underscore."""
    with pytest.raises(InvalidInput, match=words):
        naming.check_network_name(name, "subnet")
    assert naming.check_network_name("a.b-c_", "subnet") == "a.b-c_"


@pytest.mark.parametrize(
    "label", ["ab", "Web", "1web", "web-", "we_b", "x" * 64, "bing", "my-windows-box", "login-page"]
)
def test_a_public_name_may_not_be_called_so(label: str) -> None:
    """Lower-case, three to 63 characters, and none of Azure's reserved words."""
    with pytest.raises(InvalidInput, match="domain name label"):
        naming.check_dns_label(label)
    assert naming.check_dns_label("blog-in") == "blog-in"


def test_a_region_is_written_as_azure_writes_it() -> None:
    """Both of Azure's spellings are taken."""
    assert naming.check_location("East US 2") == "eastus2"
    with pytest.raises(InvalidInput, match="not the name of a region"):
        naming.check_location("../x")


def test_an_id_is_read_in_any_case_and_written_in_azures() -> None:
    """Keywords have no case; names keep theirs."""
    read = parse_resource_id("/SUBSCRIPTIONS/s/resourcegroups/G/providers/microsoft.compute/VIRTUALMACHINES/Vm ")
    assert read == ResourceId("s", "G", "Microsoft.Compute/virtualMachines", "Vm")
    assert str(read) == ID.replace("/g/", "/G/").removesuffix("vm") + "Vm"
    assert str(ResourceId("s", "g")) == "/subscriptions/s/resourceGroups/g"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vm",
        ID + "/start",
        ID.removesuffix("/vm"),
        ID.removesuffix("vm"),
        "x" + ID,
        ID.replace("Compute", "Network"),
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """A part too few or too many, or another type."""
    with pytest.raises(InvalidInput, match="not the id of"):
        parse_resource_id(text)


def test_the_group_of_an_id() -> None:
    """What is in no group has none."""
    assert group_of(ID) == "g"
    assert group_of("/subscriptions/s") == group_of("") == ""


@pytest.mark.parametrize(
    "identity", ["/subscriptions//resourceGroups/g", "/subscriptions/../x", "/subscriptions/./x", ""]
)
def test_a_path_with_a_part_missing_is_refused(identity: str) -> None:
    """A context without a subscription does not reach another one."""
    with pytest.raises(InvalidInput, match="no id"):
        path_of(identity, "1")


def test_a_path_has_its_version_its_query_and_its_action() -> None:
    """`_expand` stands for `$expand`."""
    assert path_of(ID, "2024-07-01", "start") == ID + "/start?api-version=2024-07-01"
    assert path_of(ID, "1", _expand="instanceView").endswith("?api-version=1&$expand=instanceView")


name_texts = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda s: "/" not in s and s not in (".", "..")
)


@given(name_texts)
def test_any_name_stays_one_segment_of_the_path(name: str) -> None:
    """Whatever it holds, it is encoded: it cannot become a query, a fragment or another segment."""
    path = path_of(f"/subscriptions/{name}/x", "1")
    parts = urlsplit("https://h" + path)
    segments = parts.path.split("/")
    assert (len(segments), unquote(segments[2]), parts.query, parts.fragment) == (4, name, "api-version=1", "")


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("", "anything", True),
        ("web-*", "WEB-1", True),
        ("web-?", "web-12", False),
        ("web-[1-3]", "web-2", True),
        ("web-[1-3]", "web-4", False),
        ("*", "", True),
        ("a.b", "axb", False),
        ("[", "[", True),
    ],
)
def test_patterns_are_powershells_without_case(pattern: str, name: str, *, fits: bool) -> None:
    """*, ? and [a-z]; all else is itself."""
    assert matches(pattern, name) is fits


def test_a_name_is_a_pattern_by_its_characters() -> None:
    """Only *, ? and [ make one."""
    assert [is_wildcard(p) for p in ("a*", "a?", "[ab]", "a-b", "")] == [True, True, True, False, False]


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_pattern_crashes(pattern: str, name: str) -> None:
    """Whatever is typed, it fits or it does not."""
    assert matches(pattern, name) in (True, False)

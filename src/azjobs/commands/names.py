"""The one rule for names: Verb-AzNoun, verb_az_noun() and `azjobs noun verb` are the same command.

Pure. The noun loses `Az` in the shell and is written in kebab-case there; in
Python every word is lower case. `VM` is one word.
"""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+")
_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+")
#: Nouns whose kebab-case would be longer than anyone types.
SHORT_NOUNS = {"rest-method": "rest"}


def words_of(text: str) -> list[str]:
    """Cut `ResourceGroup` into ["resource", "group"], `AzVM` into ["az", "vm"]."""
    if text.startswith("Az") and text[2:3].isupper():  # else the capitals of `AzVM` would run together
        return ["az", *words_of(text[2:])]
    return [word.lower() for word in _WORD.findall(text)]


def python_name(cmdlet: str) -> str:
    """Return the function of a cmdlet: `New-AzVM` is `new_az_vm`."""
    verb, _, noun = cmdlet.partition("-")
    return "_".join([verb.lower(), *words_of(noun)])


def shell_path(cmdlet: str) -> tuple[str, ...]:
    """Return what is typed in the shell: `New-AzVM` is ("vm", "new")."""
    verb, _, noun = cmdlet.partition("-")
    words = [word for word in words_of(noun) if word != "az"]
    kebab = "-".join(words)
    if kebab in SHORT_NOUNS:
        return (SHORT_NOUNS[kebab],)
    return (kebab, verb.lower())


def is_cmdlet(text: str) -> bool:
    """Whether a word has the form of a cmdlet's name, Verb-Noun."""
    return _CMDLET.fullmatch(text) is not None


def option_name(parameter: str) -> str:
    """Return the long option of a parameter: `resource_group_name` is `--resource-group-name`."""
    return "--" + parameter.rstrip("_").replace("_", "-")


def pascal_name(parameter: str) -> str:
    """Return PowerShell's spelling of a parameter: `resource_group_name` is `ResourceGroupName`."""
    return "".join(word[:1].upper() + word[1:] for word in parameter.split("_") if word)


def nearest(word: str, known: list[str]) -> str:
    """Return the known word that was probably meant, or "".

    A beginning of exactly one of them counts; else the distance in letters
    must be small against the length of the word.
    """
    lower = word.lower()
    beginnings = [name for name in known if name.lower().startswith(lower)]
    if len(beginnings) == 1 and len(lower) > 1:
        return beginnings[0]
    ranked = sorted((_distance(lower, name.lower()), name) for name in known)
    if ranked and ranked[0][0] <= max(1, len(lower) // 3):
        return ranked[0][1]
    return ""


def _distance(a: str, b: str) -> int:
    """Edits between two words; two neighbours exchanged count as one [Damerau]."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, (up, (diagonal, _)) in enumerate(zip(before[1:], pairwise(before), strict=True), 1):
            cost = min(up + 1, row[-1] + 1, diagonal + (left != b[j - 1]))
            if earlier and j > 1 and left == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]

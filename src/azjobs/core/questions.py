"""What a blocked job asks, in words that say what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azjobs.core.states import Question, QuestionKind

ENVIRONMENT = "environment"  # asked for as secrets are, since it is kept where they are kept
SIGN_IN_AGAIN = "Sign in again: azjobs account connect"


def ask_for_secrets(texts: Mapping[str, str], names: Iterable[str]) -> Question:
    """Ask for secrets by name; `texts` says what to call each."""
    unique = tuple(dict.fromkeys(names))
    asked = ", ".join(texts.get(name, name) for name in unique if name != ENVIRONMENT)
    if ENVIRONMENT in unique:
        of_shell = "its environment is lost: answer from a shell that has the one it needs"
        asked = f"{asked} must be given again, and {of_shell}" if asked else of_shell.capitalize()
        return Question(QuestionKind.SECRET, f"{asked}: azjobs job answer", unique)
    return Question(QuestionKind.SECRET, f"{asked} must be given again: azjobs job answer", unique)


def ask_for_sign_in(text: str) -> Question:
    """Ask for a sign-in; `text` is what the broker said, or ""."""
    return Question(QuestionKind.SIGN_IN, text or SIGN_IN_AGAIN)


def ask_whether_it_took_effect(key: str, label: str) -> Question:
    """Ask about the request `key` of a plan, which people know as `label`."""
    text = (
        f"Azure did not answer whether '{label}' took effect, and looking cannot tell. "
        "Type: azjobs job answer ID --choice again, or --choice done"
    )
    return Question(QuestionKind.UNANSWERED, text, (key,))

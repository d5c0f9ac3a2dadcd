"""What a blocked job asks, in words that say what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from azjobs.core.job import Job
from azjobs.core.states import Blocked, Question, QuestionKind

ENVIRONMENT = "environment"  # asked for as secrets are, since it is kept where they are kept
SIGN_IN_AGAIN = "Sign in again: azjobs account connect"
BATCH_LOST = "Its batch was lost with a damaged store."
PROMPT_CAP = 4000  # guess: letters that a screen can show; more is no prompt, and is stored with the job
_SHOWN_CAP = 200  # guess: letters of a prompt in a sentence
_ANSWER = "azjobs job answer ID"  # ID is replaced where the question is shown: an attached job gets its id late


def ask_for_secrets(texts: Mapping[str, str], names: Iterable[str]) -> Question:
    """Ask for secrets by name; `texts` says what to call each."""
    unique = tuple(dict.fromkeys(names))
    asked = ", ".join(texts.get(name, name) for name in unique if name != ENVIRONMENT)
    if ENVIRONMENT in unique:
        of_shell = "its environment is lost: answer from a shell that has the one it needs"
        asked = f"{asked} must be given again, and {of_shell}" if asked else of_shell.capitalize()
        return Question(QuestionKind.SECRET, f"{asked}: {_ANSWER}", unique)
    return Question(QuestionKind.SECRET, f"{asked} must be given again: {_ANSWER}", unique)


def ask_for_sign_in(text: str) -> Question:
    """Ask for a sign-in; `text` is what the broker said, or ""."""
    return Question(QuestionKind.SIGN_IN, text or SIGN_IN_AGAIN)


def ask_whether_it_took_effect(key: str, label: str) -> Question:
    """Ask about the request `key` of a plan, which people know as `label`."""
    text = (
        f"Azure did not answer whether '{label}' took effect, and looking cannot tell. "
        f"Type: {_ANSWER} --choice again, or --choice done"
    )
    return Question(QuestionKind.UNANSWERED, text, (key,))


def ask_for_input(ask: str, prompt: str, *, is_hidden: bool) -> Question:
    """Ask for a line, as the job's process does with this prompt."""
    prompt = prompt[:PROMPT_CAP]
    words = " ".join(prompt.split())
    shown = words if len(words) <= _SHOWN_CAP else f"{words[:_SHOWN_CAP]}…"
    asked = f'"{shown}"' if shown else "It asks for a line."
    kind = QuestionKind.HIDDEN_INPUT if is_hidden else QuestionKind.INPUT
    return Question(kind, f"{asked} Type: {_ANSWER}{'' if is_hidden else ' --text …'}", prompt=prompt, ask=ask)


def question_of(job: Job) -> Question | None:
    """Return what a job waits for, in words that name the job; None when it is not blocked."""
    if not isinstance(job.state, Blocked):
        return None
    asked = job.state.question
    mine = f"{_ANSWER.removesuffix('ID')}{job.uuid if job.id is None else job.id}"
    head, found, tail = asked.text.rpartition(_ANSWER)  # the last one: a prompt may have the words too
    return replace(asked, text=f"{head}{mine}{tail}") if found else asked


def status_of(job: Job) -> str:
    """Return what is going on just now, or what the job waits for, and before it that its batch was lost."""
    asked = question_of(job)
    said = job.status_message if asked is None else asked.text
    return " ".join(part for part in (BATCH_LOST if job.lost_parent else "", said) if part)


_ANSWERED_BY: Mapping[QuestionKind, frozenset[str]] = {
    QuestionKind.INPUT: frozenset({"text"}),
    QuestionKind.HIDDEN_INPUT: frozenset({"password"}),
    QuestionKind.SECRET: frozenset({"password"}),
    QuestionKind.UNANSWERED: frozenset({"choice"}),
    QuestionKind.SIGN_IN: frozenset({"choice", ""}),  # to be asked once more
    QuestionKind.CHILD: frozenset(),  # the child is answered
}


def lacks_sign_in(job: Job) -> bool:
    """Whether a job waits for somebody to sign in."""
    return isinstance(job.state, Blocked) and job.state.question.kind is QuestionKind.SIGN_IN


def is_answered_by(question: Question, given: str) -> bool:
    """Whether "text", "password", "choice", or "" for nothing, is an answer to the question."""
    if question.names == (ENVIRONMENT,):
        return given == ""
    return given in _ANSWERED_BY[question.kind]

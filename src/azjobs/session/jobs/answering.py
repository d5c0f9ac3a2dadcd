"""Answer blocked jobs: from a script, or by asking whoever sits at the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from azjobs.core.errors import InvalidInput
from azjobs.core.questions import ENVIRONMENT, is_answered_by
from azjobs.core.secret import Credential, SecureString
from azjobs.core.states import QuestionKind
from azjobs.core.wire import Accepted, Answer
from azjobs.session.jobs.job_list import view_of
from azjobs.session.jobs.looking import load_children
from azjobs.session.jobs.views import JobView
from azjobs.session.link.environment import sendable_environment
from azjobs.session.link.local import Local, local

if TYPE_CHECKING:
    from azjobs.session.jobs.job import Job
    from azjobs.session.jobs.selecting import JobLike


class Prompt(NamedTuple):
    """What to ask at a terminal. `is_hidden`: the answer is not to be seen; `may_be_empty`: no letter is an answer."""

    text: str
    is_hidden: bool
    may_be_empty: bool = True


def answer_job(
    job: JobLike,
    password: SecureString | Credential | None = None,
    *,
    text: str | None = None,
    secrets: dict[str, SecureString] | None = None,
    choice: Literal["", "again", "done"] = "",
) -> Job[Any]:
    """Give a blocked job what it waits for, and return it.

    A job whose environment is lost takes the one of this process. An answer to a
    batch is one to each of its children whose question it answers.

    Args:
        job: its id, name, or itself.
        password: the one secret it asks for, or what it asks for by `getpass`.
        text: the line that it asks for by `input`, without its end.
        secrets: several, by the names it asks for.
        choice: whether an unanswered request is to be sent "again", or was "done".

    Raises:
        JobNotFound: it is not there.
        InvalidInput: it waits for nothing, or for something else; nothing was changed.
    """
    from azjobs.session.jobs.job import Job  # noqa: PLC0415 - the shell needs no handle

    here = local()
    view = view_of(here, job)
    asking = those_who_ask(view)
    kinds = {"text": text is not None, "password": password is not None or bool(secrets), "choice": bool(choice)}
    given = [kind for kind, is_given in kinds.items() if is_given]
    if len(given) > 1:
        raise InvalidInput(f"An answer is one of {' and '.join(given)}, not both.")
    secret = password.password if isinstance(password, Credential) else password
    if view.question is None:
        raise InvalidInput(f"{view.name} waits for no answer: it is {view.state.value}.")
    fitting = [one for one in asking if one.question and is_answered_by(one.question, "".join(given))]
    if not fitting or (fitting[0].question and fitting[0].question.ask and secrets):
        raise InvalidInput(asking[0].plea)
    for one in fitting:
        if one.question is not None and one.question.ask:
            answer_line(here, one, SecureString(text) if text is not None else secret or SecureString(""))
        else:
            _answer_other(here, one, secret, secrets or {}, choice)
    return Job(view.uuid, here)


def those_who_ask(view: JobView) -> list[JobView]:
    """Return the jobs whose questions are meant: of a blocked batch its children that are blocked, else the job."""
    if view.question is None or view.question.kind is not QuestionKind.CHILD:
        return [view]
    return [child for child in load_children(view.layout, view.uuid) if child.question is not None] or [view]


def answer_line(here: Local, view: JobView, line: SecureString) -> None:
    """Give the line that a job's process, or its question for one secret, waits for.

    Raises:
        InvalidInput: it is more than one line, or that is no longer asked.
    """
    question = view.question
    if question is None or not question.ask:
        _answer_other(here, view, line, {}, "")
        return
    if "\n" in line.reveal():
        raise InvalidInput("An answer is one line.")
    here.client.ask(Answer(0, view.uuid, line=line, ask=question.ask), Accepted)


def prompt_of(view: JobView) -> Prompt | None:
    """Return what to ask at a terminal; None where no line is an answer."""
    question = view.question
    if question is None:
        return None
    if question.ask:
        return Prompt(question.prompt, question.kind is QuestionKind.HIDDEN_INPUT)
    names = [name for name in question.names if name != ENVIRONMENT]
    if question.kind is not QuestionKind.SECRET or len(names) != 1:
        return None
    return Prompt(f"{view.row.work.secrets.get(names[0], 'The password')}: ", is_hidden=True, may_be_empty=False)


def prompt_in_passing(view: JobView) -> Prompt | None:
    """Return what to ask whoever only receives; not what takes the environment of this shell along."""
    needs_shell = view.question is not None and ENVIRONMENT in view.question.names
    return None if needs_shell else prompt_of(view)


def ask_here(here: Local, view: JobView, begun: str) -> bool:
    """Ask whoever runs this program, on its terminal or in its notebook, and hand in the answer.

    False where there is nobody to ask, or no answer. `begun` is what the unfinished line there says already.
    """
    prompt = prompt_in_passing(view)
    if prompt is None or not _is_somebody_here():
        return False
    import getpass  # noqa: PLC0415 - seldom

    text = prompt.text.removeprefix(begun)
    try:
        answer = getpass.getpass(text) if prompt.is_hidden else input(text)
    except EOFError:
        print(file=sys.stderr)  # noqa: T201 - what is said next does not stand beside the prompt
        return False
    if not answer and not prompt.may_be_empty:
        return False
    answer_line(here, view, SecureString(answer))
    return True


def _is_somebody_here() -> bool:
    """On a terminal, or in a notebook: its kernel has an `input` of its own, and says whether it may be used."""
    kernel = getattr(input, "__self__", None)
    if getattr(kernel, "_allow_stdin", False):
        return True
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def _answer_other(
    here: Local, view: JobView, secret: SecureString | None, secrets: dict[str, SecureString], choice: str
) -> None:
    """Give secrets by name, an environment, or a choice."""
    names = view.question.names if view.question is not None else ()
    given = dict(secrets)
    if secret is not None:
        asked = [name for name in names if name != ENVIRONMENT]
        if len(asked) != 1:
            raise InvalidInput(f"{view.name} asks for {', '.join(asked) or 'no secret'}.")
        given[asked[0]] = secret
    environment = sendable_environment() if ENVIRONMENT in names else {}
    here.client.ask(Answer(0, view.uuid, given, choice, environment), Accepted)

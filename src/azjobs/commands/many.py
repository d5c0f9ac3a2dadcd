"""One command for many targets: each is checked before anything begins, and each becomes a child of one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from azjobs.commands.azure_work import Care, Work, refuse_lonely_notice, rehearse_in, settle
from azjobs.core.errors import InvalidInput
from azjobs.core.models import BatchRehearsal, TargetRehearsal
from azjobs.session.submitting.batches import Pace, Part, run_batch

Names = list[str] | tuple[str, ...]
SAMPLE = 3  # guess: enough to see what would be done; each costs the reads of its plan


class Pacing(TypedDict, total=False):
    """How a batch goes (`core.spelling.SHARED` says it to users)."""

    throttle_limit: int | None
    fail_fast: bool
    max_targets: int | None


def pace_of(options: Mapping[str, Any]) -> Pace:
    """Return what the options of a command say by the names in `Pacing`."""
    return Pace(options.get("throttle_limit"), bool(options.get("fail_fast")))


def several(*named: str | Sequence[str] | None) -> Sequence[str] | None:
    """Return the one of these that names several targets, each once; None when each names one at most."""
    found = [one for one in named if one is not None and not isinstance(one, str)]
    if not found:
        return None
    if sum(bool(one) for one in named) > 1 or len(found) > 1:
        raise InvalidInput("Say which ones in one way: by their names, or by their ids.")
    names = list(found[0])
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise InvalidInput(f"Each target is a name or an id, as text, not {wrong[0]!r}. Nothing was begun.")
    unique = {name.lower(): name for name in reversed(names)}
    return list(reversed(unique.values()))


def refuse_pace(options: Mapping[str, Any]) -> None:
    """Refuse what only means something for several targets.

    Raises:
        InvalidInput: one was given.
    """
    given = [name for name in Pacing.__annotations__ if options.get(name) is not None and options[name] is not False]
    if given:
        words = " and ".join(given)
        raise InvalidInput(f"{words} {'is' if len(given) == 1 else 'are'} for several targets: give a list of them.")


def perform_many(
    names: Sequence[str],
    work_of: Callable[[str], Work],
    care: Care,
    options: Mapping[str, Any],
    *,
    noun: str,
    as_job: bool,
    job_name: str | None,
    what_if: bool,
) -> Any:
    """Do the same work for each name: as one job, to the end, or rehearse a sample of it.

    Raises:
        InvalidInput: there are none, more than `max_targets`, or one cannot be used; nothing was begun.
        BatchFailed: some failed; `.report` tells of each.
        NotSignedIn, WrongTarget: as `azure_work.perform`.
    """
    if what_if and as_job:
        raise InvalidInput("A rehearsal is no job: ask for one of the two.")
    refuse_lonely_notice(care, as_job=as_job)
    most = options.get("max_targets")
    if not names:
        raise InvalidInput(f"There are no {noun}: nothing was begun.")
    if most is not None and len(names) > most:
        raise InvalidInput(f"These are {len(names)} {noun}, more than the {most} that you allow. Nothing was begun.")
    works = [work_of(name) for name in names]
    context, _ = settle(works[0], care)
    if what_if:
        sample = [TargetRehearsal(work.target, tuple(rehearse_in(work, care))) for work in works[:SAMPLE]]
        where = context.value
        return BatchRehearsal(works[0].command, len(works), where.subscription_label, where.tenant_label, tuple(sample))
    return run_batch(
        works[0].plan,
        [Part(work.target, settle(work, care)[1]) for work in works],
        context=context,
        command=works[0].command,
        noun=noun,
        pace=pace_of(options),
        secrets=works[0].secrets,
        as_job=as_job,
        job_name=job_name,
        overrides=care.overrides,
        terms=care.terms,
    )

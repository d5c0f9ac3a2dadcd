"""What is different from PowerShell's jobs on purpose, beyond what upstream's own tests assert: each with a test."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """How it is there, how it is here, and why. A test marked with `name` shows it."""

    name: str
    there: str
    here: str
    why: str


STARTING = (
    Difference(
        "lifetime",
        "A job ends with the session that started it, and only that session sees it.",
        "A job goes on when its program or terminal ends, and is seen by every session of its user.",
        "Work that takes minutes must not hang on a window.",
    ),
    Difference(
        "one job one object",
        "Start-Job makes a parent without output and a hidden child that has it; both count, so ids go 1, 3, 5.",
        "A job is one job. Only a batch has children, one for each target.",
        "Nobody asked for the second job.",
    ),
    Difference(
        "variables",
        "Values are sent by `$using:`; functions, classes and modules are not.",
        "A function takes along what it uses: variables, functions and classes.",
        "What works before it is a job should work as one.",
    ),
    Difference(
        "scripts",
        "-FilePath sends the text of a script, which may use variables of its caller.",
        "A script file is run as `python FILE` would run it.",
        "It can be tried without azjobs.",
    ),
    Difference(
        "input",
        "-InputObject and the pipeline give objects to `$input`.",
        "input_object is what the job reads from its standard input: text, bytes, or things that are a line each.",
        "It is the same for functions, scripts and commands; objects are arguments.",
    ),
    Difference(
        "handled errors",
        "An error that -InitializationScript handles, or anything it writes to stderr, fails the job.",
        "It fails the job only when it raises; then the work never runs.",
        "A handled error is none.",
    ),
    Difference(
        "throttling",
        "-ThrottleLimit sets one hidden limit of all thread jobs of the process; Start-Job has none.",
        "A queue has a name, a limit, and jobs of any session; a job outside of any queue begins at once.",
        "Who waits for whom is said, not found out.",
    ),
    Difference(
        "exit status",
        "A native command that ends with another exit code than 0 leaves its job Completed.",
        "It is Failed, with the exit code.",
        "A job that did not do its work has failed.",
    ),
)
SELECTING = (
    Difference(
        "missing names",
        "Each name that is not there is an error, and the command goes on with the others.",
        "What only looks gives what is there, with exit code 3; what waits, stops or removes does nothing then.",
        "A mistyped name must not lead to half a removal.",
    ),
    Difference(
        "patterns",
        "A pattern never lists thread jobs, whose names are compared whole; -Filter finds no ordinary job.",
        "Patterns find every kind of job; labels take the place of the filter.",
        "One rule for all.",
    ),
    Difference(
        "children",
        "-Name finds child jobs too; a child that is stopped alone leaves its parent Completed.",
        "A name means a child only where no other job is called so, a pattern never does; "
        "a batch of which a child was stopped is Stopped.",
        "A pattern would list a thousand children beside their batch; Completed would say that all was done.",
    ),
    Difference(
        "newest",
        "-Newest takes those with the latest ends, whatever that means for jobs without one.",
        "Only jobs that have ended are among those that ended last.",
        "It is what the word says.",
    ),
    Difference(
        "where",
        "-ComputerName, -Location and -Session choose jobs by where they run.",
        "There are none of them: jobs are chosen by name, state, command, label and session.",
        "All jobs are of this machine; the location of an Azure job is its region.",
    ),
)
WAITING = (
    Difference(
        "timeout",
        "When -Timeout is over nothing is returned, not even what has ended; 0 returns nothing at all. Whole seconds.",
        "What has ended is returned, with a limit of 0 at once; any fraction of a second.",
        "What is known is told.",
    ),
    Difference(
        "any",
        "-Any returns the first in the order of input that is done, one job.",
        "any=True returns all that have ended by then.",
        "The others would be waited for once more.",
    ),
    Difference(
        "blocked",
        "One Blocked job keeps all from being waited for.",
        "Waiting is refused only when all that are left are Blocked; it says what they ask.",
        "The others come to their ends by themselves.",
    ),
)
RECEIVING = (
    Difference(
        "once",
        "What was received is known to one session only.",
        "Each record is given once, whoever asks first, in whatever session.",
        "Jobs are seen by every session.",
    ),
    Difference(
        "reader that stops",
        "Records are taken off before they are handed on: a reader that stops early loses the rest.",
        "They are taken off when they were written.",
        "Output must not get lost.",
    ),
    Difference(
        "order",
        "Thread jobs and Azure jobs replay one stream after the other.",
        "All streams come in the order in which they were written.",
        "An error belongs to what was said before it.",
    ),
    Difference(
        "errors once",
        "The error that failed a job is received again each time.",
        "It is received once, as any record; the job keeps it.",
        "What was received is not new.",
    ),
    Difference(
        "keep and wait",
        "-Keep and -Wait cannot be used together.",
        "They can.",
        "Nothing here hinders it: to keep is not to move on.",
    ),
    Difference(
        "together",
        "(-AutoRemoveJob needs -Wait, which excludes -Keep.)",
        "auto_remove_job and keep together are refused.",
        "One leaves the records, the other removes them.",
    ),
    Difference(
        "events",
        "-WriteEvents puts events for parent and child into the output; -WriteJobInResults the jobs.",
        "One event a job; in a shell events and jobs go to stderr.",
        "stdout has the job's output and nothing else.",
    ),
    Difference(
        "unread output of batches",
        "HasMoreData is true for every unfinished job, and does not count the information of thread jobs.",
        "It is true when there is something to receive, of a batch when there is of any child.",
        "It is a question about data.",
    ),
    Difference(
        "questions",
        "Receiving a Blocked job shows its prompt on the receiver's console, and may hang there.",
        "Receiving to the end asks where there is a terminal or notebook, else says what is asked and what to type.",
        "Who receives may be a program, and a program must not hang.",
    ),
    Difference(
        "streams",
        "Six streams, verbose among them; of process jobs some can be neither redirected nor recorded.",
        "What Python has: output, errors, warnings, information, debug and progress, all of them as data.",
        "logging and warnings are what programs use.",
    ),
    Difference(
        "uncapped",
        "Azure jobs drop verbose, debug and progress after 1,000 unread records each, silently.",
        "All records are kept; a cap on the whole output can be set, and says what it dropped.",
        "Records are on disk.",
    ),
    Difference(
        "rich values",
        "Values of process jobs lose their methods, and below depth 1 their structure.",
        "They come back as they were.",
        "They are opened by the interpreter that made them.",
    ),
)
ENDING = (
    Difference(
        "removing",
        "Remove-Job -State and -Command remove running jobs without -Force; of several the others are removed.",
        "A running job is removed by force only, however it was named; where one is refused none is removed.",
        "Removing ends the work.",
    ),
    Difference(
        "stopped operations",
        "Stopping an Azure job says Stopped; the operation goes on, and nothing tells.",
        "It says that the operation goes on; cancel=True asks Azure to end it, resume_job watches it again.",
        "Stopped is the job, not the machine.",
    ),
)
AZURE = (
    Difference(
        "failures fail",
        "An Azure job can be Completed with errors.",
        "Where the service refused or the operation failed, the job is Failed, with the service's own error.",
        "Scripts look at the state.",
    ),
    Difference(
        "streams of operations",
        "An Azure job runs a copy of the cmdlet, and has what that prints.",
        "An Azure job is the operation: its result, its error and its progress.",
        "Nothing of it needs a process that lives as long as the operation.",
    ),
    Difference(
        "confirmation",
        "A job that asks for confirmation is Blocked until it is received.",
        "The command asks before the job exists.",
        "Nobody waits for an answer that nobody knows to be needed.",
    ),
    Difference(
        "rehearsal",
        "-WhatIf in a job makes it Blocked or Failed.",
        "as_job and what_if together are refused.",
        "A rehearsal is over at once.",
    ),
)
DIFFERENCES: dict[str, tuple[Difference, ...]] = {
    "Starting": STARTING,
    "Finding": SELECTING,
    "Waiting": WAITING,
    "Receiving": RECEIVING,
    "Stopping and removing": ENDING,
    "Azure commands": AZURE,
}

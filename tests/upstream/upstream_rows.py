"""What the tests of PowerShell, its thread jobs and Azure PowerShell assert of jobs, and what becomes of it here.

One row for each of their cases: the same here (a test marked with its number
shows it), different on purpose (and why), or out, with the list that it is on.
Upstream: PowerShell/PowerShell 9299036, PowerShell/ThreadJob 40c67a7 and
Azure/azure-powershell's LongRunningCmdletTests.
"""

from __future__ import annotations

from typing import NamedTuple

WSMAN = "Remoting by WSMan"
CDXML = "Cmdlets made from CDXML"
LOCKDOWN = "Language modes and lockdown"
RUNSPACE = "Runspaces: the engine's own objects, its debugger, drives and events"
WINDOWS = "Windows only"
HOST = "PowerShell hosted in another program"
LISTS = (WSMAN, CDXML, LOCKDOWN, RUNSPACE, WINDOWS, HOST)


class Row(NamedTuple):
    """A case: `differs` says why, `out` names the list; with neither it is the same here."""

    number: int
    says: str
    differs: str = ""
    out: str = ""


def same(number: int, says: str) -> Row:
    """It is so here too."""
    return Row(number, says)


def differs(number: int, says: str, why: str) -> Row:
    """It is not so here, on purpose."""
    return Row(number, says, differs=why)


def out(number: int, says: str, of: str) -> Row:
    """There is nothing here that it could be about."""
    return Row(number, says, out=of)


_ASKED_BEFORE = "A command asks before its job exists; a job never asks for confirmation, so nothing waits unseen."
_NO_VERBOSE = "Python's logging has no such level: INFO goes to information, DEBUG to debug."
_NO_OPERATOR = "There is no operator: a shell keeps its own &. `azjobs job start -- …` is the job."
_FILE = "A script is a file: it is given words, an input and the environment, and no variables of its caller."

ROWS: tuple[Row, ...] = (
    # Job.Tests.ps1
    same(1, "Starting returns a job object that has exactly the given name."),
    same(2, "A job is got by its id."),
    same(3, "Without arguments all jobs are listed."),
    same(4, "A job that was removed is not found any more."),
    same(5, "A job is waited for and received by its id; it gives its value."),
    out(6, "A 32-bit job is refused in a 64-bit shell.", WINDOWS),
    out(7, "A 32-bit job runs in a 32-bit shell.", WINDOWS),
    same(8, "Arguments arrive in order, text and numbers."),
    same(9, "Waiting returns the same job, which is Completed then."),
    same(10, "Waiting with a time limit returns nothing of a job that goes on."),
    same(11, "A stopped job is Stopped; nothing is received of it, no error either."),
    same(12, "Removing without force leaves a running job in place."),
    same(13, "Removing by force removes a running job."),
    same(14, "Receiving again and again from a running job gives one item after the other, none lost, none twice."),
    same(15, "Receiving and keeping gives a growing list; what is received later begins with the same items."),
    out(16, "The debugger breaks into a job.", RUNSPACE),
    differs(17, "A command followed by & gives a job object.", _NO_OPERATOR),
    same(18, "A variable that is not set is empty in the job, and no error."),
    same(19, "Variables of the caller are copied to the job."),
    same(20, "The job has a process id of its own."),
    same(21, "Likewise where the variable is named with its scope."),
    same(22, "A job starts in the caller's current directory."),
    same(23, "The directory is not set by text in the job's command."),
    same(24, "A job follows a changed current directory."),
    same(25, "Output that is redirected in the job fills the file; the job's own output is empty."),
    same(26, "Likewise for errors."),
    same(27, "A job of an expression gives its value."),
    same(28, "A job of a whole pipeline gives its result."),
    out(29, "A PowerShell version other than 5.1 is refused.", WINDOWS),
    out(30, "A job runs in Windows PowerShell 5.1.", WINDOWS),
    # Jobs.Tests.ps1
    same(
        31, "Start, wait, receive gives the value; then it is Completed, has no more data, and its command is as typed."
    ),
    differs(
        32,
        "A job can start a job; one just started is Running and has more data.",
        "A job has more data when there is some to receive, not because it runs.",
    ),
    same(33, "The error of a job that raises is received with its message."),
    same(34, "A warning is received as a warning."),
    differs(35, "A verbose record is found on the job's child.", _NO_VERBOSE),
    differs(
        36,
        "A progress record is found on the job's child.",
        "A job has no hidden child: its records are received from itself, with keep=True as often as one likes.",
    ),
    same(37, "The working directory may have a space in its name."),
    out(38, "The working directory may be on a drive of PowerShell.", RUNSPACE),
    same(39, "The working directory may have a double quote in its name."),
    out(40, "The working directory may end with a backslash.", WINDOWS),
    differs(
        41,
        "A working directory that is not there, is empty or blank is refused.",
        "An empty one is as none given, as everywhere here; what is not there is refused, and no job exists.",
    ),
    same(42, "The working directory is the caller's by default."),
    same(43, "A job of a native command is Completed, has more data, is received, removed, and not found then."),
    same(44, "Jobs are waited for by name, id, instance id, state and as objects; what is returned has more data."),
    differs(
        45,
        "Waiting for any of several returns one job that is Completed and can be received.",
        "All that have ended by then are returned: to hide some would only have them waited for once more.",
    ),
    same(46, "TimeoutSec is another name of Timeout; the job goes on, and has more data."),
    differs(
        47,
        "With events, waiting gives the value and two events, one for each job in the tree.",
        "A job has no hidden child, so there is one event.",
    ),
    same(48, "With the job in the results the job comes first, then its value; it is Completed, without more data."),
    same(49, "A job that is removed by itself gives its value and is gone."),
    same(50, "Kept records are given again, then once more, then no more."),
    differs(
        51,
        "Without recursion a job of a script gives nothing.",
        "A job has no hidden child that would hold its output: it is the job's own.",
    ),
    out(52, "Receiving by the computer name localhost gives a local job's output.", WSMAN),
    differs(
        53,
        "Receiving by the location localhost gives a local job's output.",
        "Location tells the region of an Azure job; jobs are chosen by name, state, command and label.",
    ),
    same(54, "Waiting while receiving gives the value of a running job, which is Completed then, without more data."),
    same(55, "A finished job is found by name, id, instance id and state."),
    same(56, "Jobs are found by when they ended and by whether they have more data."),
    same(57, "With child jobs asked for, the parent comes before its child; likewise by the child's state."),
    same(58, "A finished job is removed by name, id, instance id and state."),
    same(59, "A job is stopped by name, id, instance id and state; it has no more data then."),
    same(60, "The job's process is gone when it has completed."),
    same(61, "The job's process is gone when it was stopped."),
    same(62, "The job's process is gone when it was removed by force."),
    # ThreadJob.Tests.ps1
    same(63, "A function's output is received while waiting."),
    same(64, "Output of what runs first comes before that of the work."),
    same(65, "Arguments reach the parameters by name."),
    same(66, "Piped input arrives in order."),
    same(67, "Variables of the caller are used in the job: plain ones, lists, items of them, globals."),
    same(68, "Likewise together with arguments."),
    same(69, "A script file runs, and gives all of its output."),
    same(70, "A script file runs after an initialization script, whose output comes first."),
    same(71, "A script file is given words."),
    same(72, "A script file is given input."),
    differs(73, "A script file uses variables of its caller.", _FILE),
    differs(74, "Likewise together with words.", _FILE),
    same(75, "The reason why a job failed is on the job itself."),
    same(76, "An error that ends nothing is in the job's errors."),
    same(77, "A warning is in the job's warnings."),
    differs(78, "A verbose record is in the job's verbose records.", _NO_VERBOSE),
    same(79, "A debug record is in the job's debug records."),
    same(80, "An information record is in the job's information."),
    same(81, "What is printed is in the job's information."),
    same(82, "With a limit of 2, of four jobs 2 run and 2 have not started; removing by force leaves none."),
    out(83, "The number of runspaces returns to what it was.", RUNSPACE),
    out(84, "Each unfinished job holds one runspace.", RUNSPACE),
    same(85, "Four jobs that are received to their ends and removed by themselves leave none."),
    out(86, "A job runs in FullLanguage mode.", LOCKDOWN),
    same(87, "A thread job runs in the caller's current directory."),
    same(88, "A job is Stopped when stopping it returns."),
    differs(
        89,
        "A job is stopped without waiting, and is Stopped once it was waited for.",
        "Stopping waits for the end, which is bounded; in an event loop it is one more thread's work.",
    ),
    differs(
        90,
        "A queued job that is started by hand starts at once, past the limit.",
        "A limit is a limit; a higher one, given with the next job, lets queued ones begin.",
    ),
    differs(
        91,
        "A job is found by instance id, name, command in any case, state and id; by a filter it is not.",
        "There is no filter, which finds no ordinary job upstream either: labels are what a user files jobs by.",
    ),
    same(92, "The record of what a job raised has the message as its text."),
    # Foreach-Object-Parallel.Tests.ps1
    differs(
        93,
        "A time limit is refused for a parallel loop that is a job.",
        "A time limit is a job's own, and holds for a batch as a whole.",
    ),
    same(94, "A job for many items is listed."),
    same(95, "Each item has a child; the results are complete."),
    same(96, "Variables of the caller are used in each of many jobs."),
    same(97, "Where one item fails there is no output of it; parent and child are Failed, with the reason."),
    same(98, "Where one item fails the others' output is kept; the parent is Failed, the children are as they ended."),
    same(99, "Errors that end nothing are received from several jobs."),
    same(100, "Warnings are received from several jobs."),
    differs(101, "Verbose records are received from several jobs.", _NO_VERBOSE),
    same(102, "Debug records are received from several jobs."),
    same(103, "Information is received from several jobs."),
    same(104, "Parent and child have the same command."),
    same(105, "Many jobs run in the caller's working directory."),
    out(106, "With a limit of 2, four items use two runspaces.", RUNSPACE),
    out(107, "On request each item has a runspace of its own.", RUNSPACE),
    same(108, "With a limit of 2, of four children the first two run and the others have not started."),
    same(109, "A job for many items that is received to its end and removed by itself is gone."),
    # Other test files of PowerShell
    out(110, "A CDXML query as a job gives all instances.", CDXML),
    out(111, "A CDXML removal as a job removes.", CDXML),
    out(112, "The preference Break puts a job into AtBreakpoint.", RUNSPACE),
    differs(
        113, "A chain of commands followed by & is one job.", "A shell's chain is for a shell: `-- sh -c 'a && b'`."
    ),
    out(114, "A proxy of a remote command runs as a job.", WSMAN),
    out(115, "The warning preference reaches a remote command's child job.", WSMAN),
    out(116, "Under lockdown jobs run in constrained language.", LOCKDOWN),
    out(117, "An inconsistent language mode is refused.", LOCKDOWN),
    out(118, "Under lockdown thread jobs run constrained.", LOCKDOWN),
    out(119, "The job of an engine event can be waited for.", RUNSPACE),
    out(120, "Under lockdown an initialization script defines functions.", LOCKDOWN),
    out(121, "An untrusted script block is refused.", LOCKDOWN),
    out(122, "Without an executable of PowerShell beside its host a job is refused.", HOST),
    out(123, "A disconnected session is refused as a job; a remote job is received and removed.", WSMAN),
    out(124, "A dropped remote command leaves a Disconnected job.", WSMAN),
    out(125, "Remote debugging is ignored for jobs.", WSMAN),
    same(126, "A received error is shown once, in its short form."),
    out(127, "A job reaches a breakpoint; breakpoints are set in its runspace.", RUNSPACE),
    differs(
        128,
        "A child's progress holds all records, and the last says Completed.",
        "All records are received, but that a job has ended is told by its state, not by its progress.",
    ),
    same(129, "Part of the output of an endless job is received while it runs; removing by force ends it."),
    differs(130, "A child's verbose records can be read after waiting.", _NO_VERBOSE),
    same(131, "Stopped jobs are handed on to be removed, without force; arguments reach the job."),
    same(132, "Starting, receiving and removing is one line."),
    out(133, "Receiving of an event job that never fired gives nothing.", RUNSPACE),
    same(134, "A program is told of a job's change of state."),
    same(
        135, "The aliases gjb, rcjb, rjb, sajb, spjb, wjb exist; nothing about jobs asks for confirmation by default."
    ),
    # LongRunningCmdletTests.cs
    differs(
        136,
        "All six streams of an Azure command arrive, its status message is Completed, and it has more data.",
        "An operation gives its result, its error and its progress; no code of a command runs that could print more. "
        "That it completed is its state; the status message says what is going on.",
    ),
    differs(137, "A question whether to act works once the job was unblocked.", _ASKED_BEFORE),
    differs(138, "A question whether to go on is asked once, then the job completes.", _ASKED_BEFORE),
    differs(
        139,
        "An exception fails the job, and there are two errors, its own and one about it.",
        "There is one error, the service's own, with its code and correlation id.",
    ),
    differs(
        140,
        "A job that was stopped has the status message Stopped.",
        "The status message says what the state does not: whether the operation goes on in Azure.",
    ),
    differs(141, "A question that cannot be shown fails the job, with a hint at Confirm.", _ASKED_BEFORE),
    differs(142, "Likewise for WhatIf.", "A rehearsal is no job: to ask for both is refused, and nothing was begun."),
    differs(143, "Likewise for a question whether to go on, with a hint at Force.", _ASKED_BEFORE),
    out(144, "The name of the parameter set is copied to the job's cmdlet.", RUNSPACE),
)

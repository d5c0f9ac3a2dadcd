"""Every parameter of PowerShell's job cmdlets, and why some are not there."""

from __future__ import annotations

#: By cmdlet. Start-Job has those of Start-ThreadJob too; Resume-Job is that of Windows PowerShell 5.1.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "Get-Job": (
        *("Id", "InstanceId", "Name", "State", "Command", "Filter", "IncludeChildJob", "ChildJobState"),
        *("HasMoreData", "Before", "After", "Newest"),
    ),
    "Receive-Job": (
        *("Job", "Id", "InstanceId", "Name", "Location", "ComputerName", "Session", "Keep", "NoRecurse", "Wait"),
        *("Force", "AutoRemoveJob", "WriteEvents", "WriteJobInResults"),
    ),
    "Wait-Job": ("Job", "Id", "InstanceId", "Name", "State", "Filter", "Any", "Timeout", "TimeoutSec", "Force"),
    "Stop-Job": ("Job", "Id", "InstanceId", "Name", "State", "Filter", "PassThru", "WhatIf", "Confirm"),
    "Remove-Job": ("Job", "Id", "InstanceId", "Name", "State", "Command", "Filter", "Force", "WhatIf", "Confirm"),
    "Resume-Job": ("Job", "Id", "InstanceId", "Name", "State", "Filter", "Wait"),
    "Start-Job": (
        *("ScriptBlock", "FilePath", "LiteralPath", "ArgumentList", "InputObject", "InitializationScript", "Name"),
        *("Credential", "Authentication", "WorkingDirectory", "RunAs32", "PSVersion", "DefinitionName"),
        *("DefinitionPath", "Type", "ThrottleLimit", "StreamingHost"),
    ),
}
#: What a parameter is called here where a mere change of letters does not tell.
CALLED = {"ScriptBlock": "function", "Id": "job", "InstanceId": "job", "TimeoutSec": "timeout"}

_FILTER = "It finds no ordinary job upstream either; -Label finds jobs by what their user said of them."
_PLACE = "All jobs are of this machine; they are chosen by id, name, state, command and label."
_NO_PAUSE = "No job is ever Suspended: what is not watched goes on in Azure, and is waited for as it is."
_LOOK = "azjobs job get with the same selectors shows what it would be about."
_POWERSHELL = "It is about which PowerShell runs the job; here it is the caller's own interpreter."
_DEFINITION = "There are no job definitions: a job is started by what it does."

NOT_OFFERED: dict[tuple[str, str], str] = {
    ("Get-Job", "Filter"): _FILTER,
    ("Wait-Job", "Filter"): _FILTER,
    ("Stop-Job", "Filter"): _FILTER,
    ("Remove-Job", "Filter"): _FILTER,
    ("Resume-Job", "Filter"): _FILTER,
    ("Receive-Job", "Location"): _PLACE,
    ("Receive-Job", "ComputerName"): _PLACE,
    ("Receive-Job", "Force"): _NO_PAUSE,
    ("Wait-Job", "Force"): _NO_PAUSE,
    ("Stop-Job", "PassThru"): "stop_job always returns the jobs; the shell shows them with --output or -q.",
    ("Stop-Job", "WhatIf"): _LOOK,
    ("Stop-Job", "Confirm"): "To stop a job is undone by nothing worse than starting it again.",
    ("Remove-Job", "WhatIf"): _LOOK,
    ("Remove-Job", "Confirm"): "A running job is removed by force only.",
    ("Resume-Job", "Wait"): "Wait-Job waits.",
    ("Start-Job", "LiteralPath"): "-FilePath is literal: the shell expands patterns.",
    ("Start-Job", "Credential"): "A job runs as its user; a credential for the work is an argument.",
    ("Start-Job", "Authentication"): "As Credential.",
    ("Start-Job", "RunAs32"): _POWERSHELL,
    ("Start-Job", "PSVersion"): _POWERSHELL,
    ("Start-Job", "DefinitionName"): _DEFINITION,
    ("Start-Job", "DefinitionPath"): _DEFINITION,
    ("Start-Job", "Type"): _DEFINITION,
    ("Start-Job", "StreamingHost"): "azjobs job receive --wait shows what a job says as it says it.",
}
#: Parameters whose names mean something else here.
MEANS_OTHERWISE: dict[tuple[str, str], str] = {
    ("Receive-Job", "Session"): "There a connection to another machine; here, in Python, whose jobs are meant: "
    "of this session, or of all. In the shell --all is this session's.",
}
#: Cmdlets that are not there.
NO_COMMANDS = {
    "Debug-Job": "A job of a function is debugged by calling the function.",
    "Suspend-Job": "PowerShell 7 has it no more; an Azure job that is stopped goes on in Azure, and is resumed.",
}

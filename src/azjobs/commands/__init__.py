"""Every command once: a typed Python function, and its place in the one command table.

`names` has the rule from which the three faces of a command get their names,
`table` the commands, `parameters` what each takes, read from its signature.
"""

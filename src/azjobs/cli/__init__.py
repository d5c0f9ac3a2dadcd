"""What is typed and what is shown: the command table as a command line.

`program` makes click's commands from the table, `cmdlet_form` reads PowerShell's
way of typing, `output` and `tables` format values (pure), the modules named
after nouns are the shell's faces of commands whose shape differs there.
"""

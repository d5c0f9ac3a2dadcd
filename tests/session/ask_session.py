"""Say which session this process belongs to: its key and its leader. With --as-orphan once its parent has ended."""

import os
import sys
import time

from azjobs.session.link.identity import named_session, shell_session

parent = int(os.environ["PARENT"]) if "PARENT" in os.environ else os.getppid()
while "--as-orphan" in sys.argv and os.getppid() == parent:
    time.sleep(0.01)
found = named_session() or shell_session()
print(found.key if found else "None", *([found.leader] if found else []))  # noqa: T201 - the answer

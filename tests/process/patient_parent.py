"""A warm parent that would wait for an hour of silence before it makes a spare by itself."""

from azjobs._main.warm_parent import main
from azjobs.process import warm

warm._QUIET_S = 3600.0
main()

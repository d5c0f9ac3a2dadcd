"""The pure heart: values, decisions, transition tables, plans and codecs.

Nothing here reads a clock, a file, a socket or a random number; whatever comes
from outside is a parameter, so that every decision can be stored, replayed and
tested as data.
"""

"""Processes and their journals: start a job, write what it says, read it, tell whether it lives, stop it.

Strangers to everything but `core`: what a job is granted arrives through a hook named in its start message.
Readers (`reader`, `cursor`, `watch`) import little and need no event loop.
"""

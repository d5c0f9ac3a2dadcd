"""Contexts: which one is current, and tokens and official SDK clients that cannot leave theirs."""

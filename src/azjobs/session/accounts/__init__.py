"""Signing in and out: who somebody is, how the daemon is to get their tokens, and which contexts that makes."""

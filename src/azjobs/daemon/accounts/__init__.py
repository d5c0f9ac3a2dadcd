"""Signing in and what is left of it: which sign-in gives a context its tokens, saved secrets, the ends of sessions."""

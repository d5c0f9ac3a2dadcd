"""The version of azjobs; the packaging reads it from here."""

VERSION = "0.1.0"

"""Reads this repository, so that tests can hold it to its own rules.

Lives here: lists of tracked files, parsed modules and what they import. Decides nothing: the rules
are in `tests/house`. Imported by tests only; imports the standard library only.
"""

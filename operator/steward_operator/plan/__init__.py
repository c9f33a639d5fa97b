"""Decides what must exist: `World` in, `Plan` out, one file per kind or question.

Pure: no client, clock, randomness or environment; they come in as fields of `World`.
May import children, names, labels, settings, objects and steward_api.
Imported by gather, apply, pump and the command line.
"""

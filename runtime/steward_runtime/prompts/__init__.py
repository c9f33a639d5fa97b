"""Prompts: a template and its variables become the text of the system message.

Lives here: the pure rendering of `{{variable}}`. Revisions and their digests are made by the
operator and arrive in the Blueprint; nothing here reads a file or knows a model.
"""

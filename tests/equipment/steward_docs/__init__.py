"""Writes the pages of `docs/` that can be told from the code: `make docs`.

Lives here: pure functions from models, reasons, commands and package docstrings to Markdown.
Nothing is described that the code does not hold; a house test compares the pages.
Imported by that test and run as a module; imports every package.
"""

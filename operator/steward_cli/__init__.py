"""The command `steward`: one file per word, read from the command line, written to the terminal.

Lives here: parsing of arguments, reading of manifests from files, local processes, and text for
people. No decision about children, policies or receipts is made here: those are called.
May import every other package, inside functions, so that each word loads only what it needs.
Nothing imports this package.
"""

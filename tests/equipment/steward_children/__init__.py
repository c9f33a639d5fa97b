"""Child processes and fake assistants for tests of `steward up`, `chat` and `down`.

Programs are real processes on loopback and end with their test; nothing here is product code.
Imported by tests under tests/cli only.
"""

"""The journal: an append-only, encrypted log of what happened in every task.

Lives here: record types and their codec (pure), and the rows. One batch of records is one durable
step; nothing is changed or removed here, only retention deletes. Replay must read what every
released version wrote.
Imports turn, labels, crypto and storage. Imported by tasks, retention and server.
"""

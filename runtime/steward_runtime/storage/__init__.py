"""Storage: the embedded database, its group commit and its migrations.

Lives here: `Database`, the one place that opens steward.db, and the SQL of its tables. What the
rows mean belongs to the rooms that write them. Content reaches the database as ciphertext only.
Imports errors. Imported by crypto, journal, tasks, audit, memory and retention.
"""

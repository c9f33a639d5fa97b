"""Cryptography: data keys, sealing, pseudonyms, and the destruction of keys.

Lives here: the key-encryption key as mounted, the table of wrapped data keys, AES-256-GCM with
associated data, keyed hashes. No other room may import `cryptography` for content. Signing of
receipts lives in retention.
Imports storage and errors. Imported by journal, tasks, audit, memory and retention.
"""

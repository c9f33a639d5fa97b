"""Retention: how data dies, and how that is proven.

Lives here: windows and plan (pure), needles and the byte scanner, the purge run with its journal,
the stores that it empties, receipts and their signature, and clients that start a run. One path
serves windows and erasure alike.
Writes no content anywhere: a run keeps counts, and sealed locators until it ends. Imported by
server, main and wiring; imports storage, crypto and labels.
"""

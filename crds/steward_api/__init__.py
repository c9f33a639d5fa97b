"""The kinds as data: what users write, what the runtime reads, what an auditor checks.

Lives here: the pydantic models of every kind, the Blueprint, the receipt, reasons and conditions,
and the pure
generators that turn them into CustomResourceDefinitions. Nothing here does I/O, reads a clock or
knows a cluster.
Imports pydantic and the standard library (yaml in `manifest` alone). Every other package may
import this one.
"""

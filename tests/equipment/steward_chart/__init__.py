"""Renders the chart with both lines of helm, and reads what came out.

No cluster is needed: helm renders offline, out of the lab's cache. Tests of the installed chart
are in tests/cluster. Imported by tests alone.
"""

"""Objects, worlds and an imitated API server for tests of the plan.

Lives here: small realistic objects of every kind, worlds around them, and `Cluster`, which applies
plans in memory with the defaults and counters of a real API server. Decides nothing.
Imported by tests only.
"""

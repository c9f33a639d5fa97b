"""Writes the world: anchors, Secrets, children, prune, status and Events of one `Plan`.

Lives here: the order of writes, preconditions, what a refusal means, key material. Decides nothing
that the plan can decide. Imports kube, gather's caches and the pure rooms. Imported by pump.
"""

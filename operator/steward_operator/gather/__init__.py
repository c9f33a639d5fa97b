"""Reads the world: caches of our own kinds and their children, and one frozen `World` from them.

Lives here: what a watch event means for a cache, who depends on whom, Secret probes, the few GETs
that a snapshot needs. Writes nothing (a dry-run create is how presence of a Secret is read).
Imports kube and the pure rooms. Imported by pump and main.
"""

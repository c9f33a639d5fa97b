"""The doctor: says before an installation, or when something is odd, what a cluster lacks.

Lives here: questions to one API server, what their answers mean (`findings`, pure), and the probe
of NetworkPolicy, which alone makes objects: in a namespace of its own, removed again. Imports
kube, gather's check of definitions and the pure rooms. Imported by the command line.
"""

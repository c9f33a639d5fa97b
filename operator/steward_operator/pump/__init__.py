"""What happens in the cluster becomes keys to look at, one at a time per object.

Lives here: kopf as pump for our own kinds, our own watches of children and Events, the coalescing
queue, backoff, the workers and the pass that joins gather, plan and apply. The only room that may
import kopf. Imported by `main` alone.
"""

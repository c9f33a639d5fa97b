"""The whole chain in a cluster: applied objects, the operator, and the real runtime in a Pod.

Objects whose endpoints are servers of the test, an operator with a key of its own, and the words
in which tests speak of one assistant. For tests only.
"""

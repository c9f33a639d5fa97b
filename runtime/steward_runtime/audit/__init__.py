"""Audit: every decision as a salted leaf in a chain, with an erasable detail beside it.

Lives here: the arithmetic of leaves and heads (pure, in chain) and their rows. A leaf stays for
ever and says nothing by itself; its salt and detail die with the window AuditDetail.
Imports labels, crypto and storage. Imported by tasks and server.
"""

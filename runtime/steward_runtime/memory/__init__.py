"""Memory across conversations: encrypted records of one subject, found again inside their scope.

Lives here: ranking and budgets (pure), the encrypted rows, the bounded cache of opened scopes.
Search runs over what is opened for one subject and segment, in memory; no index of words or
meanings is ever written. Without a subject nothing is written or found.
Imports labels, policy, crypto and storage. Imported by server and wiring; retention empties it.
"""

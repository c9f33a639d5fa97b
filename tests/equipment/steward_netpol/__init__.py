"""Enforces NetworkPolicies on the one node of the lab, and asks cyclonus whether that is right.

Here live the compiler from policies to one nftables table (pure: `selecting`, `ruling`,
`compiling`), the watcher that feeds it, the conformance runner and the offline oracle. It is test
equipment: nothing of the product may live here, and the product never imports it.
"""

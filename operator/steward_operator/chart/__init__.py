"""The Helm chart's generated half: values, schema, rights, admission policies and kinds.

Lives here: what the chart says twice and must say once. `python -m steward_operator.chart FOLDER`
writes it into `charts/steward`; the other templates there are written by hand.
Pure but for `__main__`; nothing imports this room, and no process of the operator loads it.
"""

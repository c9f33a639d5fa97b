"""Policy: what may happen, decided outside the model on labels, contracts and budgets.

Lives here: `decide`, the Permit that only it can make, and reasons of refusal. Pure: facts come in
as a `Situation`, nothing is looked up. Adapters in models, tools and memory take a Permit, so an
effect that nobody judged does not type-check.
Imports turn, labels and steward_api. Imported by tasks, the adapters' rooms and server.
"""

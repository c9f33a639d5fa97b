"""Builds the objects that an Assistant becomes, one file per child.

Pure: `build_…(context) -> Manifest | None`, where None means that the child must not exist.
May import names, labels, settings, objects and steward_api; knows neither the plan nor a cluster.
Imported by plan, and by tests.
"""

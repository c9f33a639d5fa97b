"""Resets one parsed field at a time, to prove that the test named for it notices.

Lives here: the register of fields and their tests, the hook that changes what pydantic parsed, the
pytest plugin that tells assertion from error, and the runner behind `make mutate`.
Test equipment only: no product code knows of it. Imports steward_api, pytest and yaml.
"""

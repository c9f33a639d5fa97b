"""The release before this one, unpacked from its commit and run by this environment's packages.

Test equipment, never shipped. What is pinned may have moved since: then the previous code runs on
today's packages, which is what an upgrade of the operator alone does not do; a release that cannot
run so needs an environment of its own here.
"""

from steward_previous.release import (
    COMMIT,
    MIGRATIONS,
    PreviousRelease,
    find_differences,
    unpack_previous,
)

__all__ = ["COMMIT", "MIGRATIONS", "PreviousRelease", "find_differences", "unpack_previous"]

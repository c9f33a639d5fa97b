"""Python runs this at start when `make mutate` put its folder on the path: also in children."""

from __future__ import annotations

import os

if os.environ.get("STEWARD_MUTATE"):
    from steward_mutation.hook import install

    install()

"""`python -m bench`: every bench, one after the other."""

from __future__ import annotations

import sys

from bench import operators, turns

if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    turns.main()
    operators.main()

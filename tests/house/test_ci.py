"""Scripts of `.ci`: set-up follows the user's own configuration, and CI runs what README says."""

from __future__ import annotations

import runpy
import stat
from typing import Any

import pytest

from steward_house.sources import ROOT


@pytest.fixture
def setup() -> dict[str, Any]:
    """Return the functions of the set-up script without running it."""
    return runpy.run_path(str(ROOT / ".ci" / "setup.py"))


def test_setup_takes_the_index_from_pips_configuration(setup: dict[str, Any]) -> None:
    """What pip was told, whether by file or by environment, uv is told too."""
    listed = "global.index-url='https://one.test/x'\n:env:.cert='/a.pem'\nlist.format='json'\n"
    options = setup["parse_pip_configuration"](listed)
    environment = setup["build_environment"]({"HOME": "/h"}, options)
    assert environment == {
        "HOME": "/h",
        "UV_DEFAULT_INDEX": "https://one.test/x",
        "SSL_CERT_FILE": "/a.pem",
    }


def test_setup_lets_uvs_own_configuration_win(setup: dict[str, Any]) -> None:
    """A variable that the user set for uv stays."""
    own = {"UV_DEFAULT_INDEX": "https://two.test/x"}
    assert setup["build_environment"](own, {"index-url": "https://one.test/x"}) == own


def test_ci_runs_what_the_readme_says() -> None:
    """CI has no path of its own: it is `make setup` and the stages of `make test`."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "make --no-print-directory setup" in script.read_text(encoding="utf-8")
    stages = runpy.run_path(str(ROOT / ".ci" / "stages.py"))
    tests, ci = stages["build_test_stages"](), stages["build_ci_stages"]()
    assert ci[: len(tests)] == tests


def test_make_help_lists_about_a_dozen_words() -> None:
    """Each word for people has a line of help."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert 10 <= text.count(": ## ") + text.count("setup ## ") <= 16

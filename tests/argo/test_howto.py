"""The Application of docs/howto/argocd.md is the one that the scenarios use."""

from __future__ import annotations

import re

import yaml

from steward_argo.applications import FINALIZER, SERVER_SIDE, WAVE, build_application
from steward_argo.health import REPOSITORY

PAGE = (REPOSITORY / "docs" / "howto" / "argocd.md").read_text(encoding="utf-8")


def test_the_application_of_the_page_is_the_tried_one() -> None:
    """Every field that it names has the same value, addresses apart."""
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    shown = yaml.safe_load(block)
    tried = build_application("assistants", "", "assistants", "team")
    source, policy = shown["spec"].pop("source"), shown["spec"].pop("syncPolicy")
    assert source.keys() == tried["spec"]["source"].keys()
    assert policy["syncOptions"] == [SERVER_SIDE]
    assert policy["automated"].items() <= tried["spec"]["syncPolicy"]["automated"].items()
    assert shown["spec"].items() <= tried["spec"].items()


def test_the_page_spells_what_argo_cd_reads() -> None:
    """A finalizer or an annotation with a slip in it does nothing, silently."""
    assert f"`{FINALIZER}`" in PAGE
    assert f"`{WAVE}`" in PAGE

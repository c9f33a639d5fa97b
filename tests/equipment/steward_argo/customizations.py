"""Renders what Argo CD must be told: the health script once per kind, in two files of the chart.

Argo CD looks a health script up by group and kind, and a ConfigMap's keys know no wildcard.
"""

from __future__ import annotations

from pathlib import Path

from steward_api.meta import GROUP
from steward_api.v1alpha1 import KINDS
from steward_argo.health import FOLDER, SCRIPT

CONFIG_MAP = "argocd-cm.yaml"
VALUES = "argo-cd-values.yaml"
NOTE = "# Generated from health.lua by `make chart`; change that file instead.\n"
CONFIG_MAP_START = f"""{NOTE}\
# Add it to what your Argo CD has:
#   kubectl apply --server-side --field-manager=steward -f argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
data:
"""
VALUES_START = f"""{NOTE}\
# Where Argo CD itself is installed by its Helm chart (argo-cd): one more file of values.
configs:
  cm:
"""


def build_keys() -> tuple[str, ...]:
    """Return the key of each kind in `argocd-cm`."""
    return tuple(f"resource.customizations.health.{GROUP}_{kind.NAMES.kind}" for kind in KINDS)


def render_entries(script: str, indent: int) -> str:
    """Return the keys with the script as YAML, `indent` spaces from the left."""
    margin = " " * indent
    block = "".join(f"{margin}  {line}".rstrip() + "\n" for line in script.splitlines())
    return "".join(f"{margin}{key}: |\n{block}" for key in build_keys())


def render_files() -> dict[Path, str]:
    """Return the generated files by path."""
    script = SCRIPT.read_text(encoding="utf-8")
    return {
        FOLDER / CONFIG_MAP: CONFIG_MAP_START + render_entries(script, 2),
        FOLDER / VALUES: VALUES_START + render_entries(script, 4),
    }


def write_files() -> None:
    """Write the generated files."""
    for path, text in render_files().items():
        path.write_text(text, encoding="utf-8")

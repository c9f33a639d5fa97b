"""The few names that we use of the official package, without all that its `__init__` imports.

`import kubernetes` loads the synchronous client, requests, websockets and OAuth: 17 MB and half a
second of processor time (37.0.2, measured), a fifth of an operator's memory. So the two outer
packages are entered into `sys.modules` with their path but without running their `__init__`, and
only the modules named below are imported. Where the package is laid out otherwise, it is imported
whole.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Final

_OUTER: Final = ("kubernetes", "kubernetes.aio")
_NEEDED: Final = (
    "kubernetes.aio.client.api_client",
    "kubernetes.aio.client.configuration",
    "kubernetes.aio.config.incluster_config",
    "kubernetes.aio.config.kube_config",
)


def load_package() -> None:
    """Import what is needed of the package; do nothing if somebody has imported it already."""
    if _OUTER[0] in sys.modules:
        return
    try:
        for name in _OUTER:
            _enter_without_running(name)
        for name in _NEEDED:
            importlib.import_module(name)
    except (ImportError, AttributeError):
        for name in [n for n in sys.modules if n.split(".")[0] == _OUTER[0]]:
            del sys.modules[name]


def _enter_without_running(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


load_package()

from kubernetes.aio.client.api_client import ApiClient  # noqa: E402 - after load_package
from kubernetes.aio.client.configuration import Configuration  # noqa: E402 - after load_package
from kubernetes.aio.config.config_exception import ConfigException  # noqa: E402 - after it too
from kubernetes.aio.config.incluster_config import (  # noqa: E402 - after load_package
    load_incluster_config,
)
from kubernetes.aio.config.kube_config import load_kube_config  # noqa: E402 - after load_package

__all__ = [
    "ApiClient",
    "ConfigException",
    "Configuration",
    "load_incluster_config",
    "load_kube_config",
]

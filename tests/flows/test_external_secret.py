"""The ExternalSecret of the how-to page has the shape of its CRD, and yields a Secret of ours."""

from __future__ import annotations

import base64
from pathlib import Path

from steward_cluster_chain.external_secret import load_example, render_secret
from steward_runtime.tools.credentials import check_binding, gather_credential
from steward_runtime.tools.routes import parse_endpoint


def test_has_the_members_that_the_crd_asks_for() -> None:
    """`external-secrets.io/v1`: a store, a target, and for each key where it comes from."""
    example = load_example()
    assert (example["apiVersion"], example["kind"]) == ("external-secrets.io/v1", "ExternalSecret")
    spec = example["spec"]
    assert set(spec) == {"refreshInterval", "secretStoreRef", "target", "data"}
    assert set(spec["secretStoreRef"]) == {"kind", "name"}
    assert set(spec["target"]) == {"name", "creationPolicy", "template"}
    assert all(set(each) == {"secretKey", "remoteRef"} for each in spec["data"])
    assert set(spec["target"]["template"]["data"]) == {"token", "hosts"}


def test_yields_a_credential_that_goes_to_its_hosts_and_nowhere_else(tmp_path: Path) -> None:
    """Mounted, the runtime reads token and hosts from it."""
    stored = "from-the-store"
    secret = render_secret(load_example(), {"token": stored})
    for key, content in secret["data"].items():
        (tmp_path / key).write_bytes(base64.b64decode(content))
    credential = gather_credential(tmp_path)
    assert credential.token == stored
    assert check_binding(credential, parse_endpoint("https://api.example.com/v1"))
    assert not check_binding(credential, parse_endpoint("https://other.example.com/v1"))

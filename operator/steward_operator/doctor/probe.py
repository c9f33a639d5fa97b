"""Does the cluster enforce NetworkPolicy? Two small Pods and two policies tell.

The client's readiness is whether it reaches the server, so what the doctor needs to see is a
condition of a Pod. Without a policy it must become ready, else nothing can be told. Under a policy
that denies its egress, and then under one that denies the server's ingress, it must become unready.
Everything lies in one namespace that enforces the restricted level, and that is deleted at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from steward_operator.doctor.findings import Finding, Verdict
from steward_operator.errors import AbsentError, ApiError
from steward_operator.kube.transport import Request, Transport
from steward_operator.objects import Manifest

PORT: Final = 8080
SERVER: Final = "server"
CLIENT: Final = "client"
POLL_SECONDS: Final = 0.5
PROBE_SECONDS: Final = 2
ROLE_LABEL: Final = "app.kubernetes.io/component"
CHECKS: Final = {CLIENT: "network policy, egress", SERVER: "network policy, ingress"}
TYPES: Final = {CLIENT: "Egress", SERVER: "Ingress"}
SERVE: Final = (
    "import http.server as h;"
    "h.ThreadingHTTPServer(('',%d),h.BaseHTTPRequestHandler).serve_forever()"
)
CALL: Final = "import socket;socket.create_connection(('%s',%d),1).close()"
SLEEP: Final = "import time;time.sleep(600)"
USER_ID: Final = 65_532


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds."""

    start_seconds: float = 90.0
    """For a Pod to come up, its image pulled."""
    effect_seconds: float = 30.0
    """For a policy to take effect."""


class Undecided(Exception):
    """Nothing can be told; the text says why."""


class NetworkProbe:
    """One probe in one cluster."""

    def __init__(
        self,
        transport: Transport,
        image: str,
        namespace: str,
        *,
        clock: Callable[[], float],
        patience: Patience,
    ) -> None:
        """Prepare; make nothing.

        Args:
            transport: The way to the API server.
            image: An image with Python in it, such as the runtime's.
            namespace: Name of the namespace to make, which nobody else has.
            clock: Monotonic seconds.
            patience: How long is waited.
        """
        self._transport = transport
        self._image = image
        self._namespace = namespace
        self._clock = clock
        self._patience = patience

    async def run(self) -> tuple[Finding, ...]:
        """Probe egress, then ingress."""
        try:
            async with self._own_namespace():
                await self._start()
                return (await self._deny(CLIENT), await self._deny(SERVER))
        except Undecided as reason:
            text = f"could not tell: {reason}"
        except ApiError as error:
            text = f"could not tell: {error}"
        return tuple(Finding(CHECKS[who], Verdict.UNKNOWN, text) for who in (CLIENT, SERVER))

    @contextlib.asynccontextmanager
    async def _own_namespace(self) -> AsyncIterator[None]:
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        await self._post(
            "/api/v1/namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": self._namespace, "labels": restricted},
            },
        )
        try:
            yield
        finally:
            # Also where somebody lost patience: what was made is always taken away again.
            await asyncio.shield(self._delete(f"/api/v1/namespaces/{self._namespace}"))

    async def _start(self) -> None:
        await self._wait_for_account()
        await self._post(self._path("pods"), build_server(self._namespace, self._image))
        server = await self._wait(SERVER, is_up, self._patience.start_seconds)
        if server is None:
            raise Undecided(f"the probe's Pod did not start{await self._why(SERVER)}")
        address = str(server["status"]["podIP"])
        await self._post(self._path("pods"), build_client(self._namespace, self._image, address))
        if await self._wait(CLIENT, is_ready, self._patience.start_seconds) is None:
            why = await self._why(CLIENT)
            raise Undecided(f"without any policy one Pod does not reach another{why}")

    async def _deny(self, who: str) -> Finding:
        path = f"/apis/networking.k8s.io/v1/namespaces/{self._namespace}/networkpolicies"
        await self._post(path, build_policy(self._namespace, who))
        is_cut = await self._wait(CLIENT, is_unready, self._patience.effect_seconds) is not None
        await self._delete(f"{path}/deny-{who}")
        if not is_cut:
            text = (
                f"a NetworkPolicy that denies {TYPES[who].lower()} has no effect: the network "
                "plugin of this cluster does not enforce it; only the runtime's own connector does"
            )
            return Finding(CHECKS[who], Verdict.FAILED, text)
        back = await self._wait(CLIENT, is_ready, self._patience.effect_seconds)
        if back is None:
            text = "could not tell: the connection stayed cut after the policy was gone"
            return Finding(CHECKS[who], Verdict.UNKNOWN, text)
        return Finding(CHECKS[who], Verdict.OK, f"a denied {TYPES[who].lower()} is cut")

    async def _wait_for_account(self) -> None:
        """Pods are refused until a controller has made the namespace's default account."""
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/default"
        deadline = self._clock() + self._patience.start_seconds
        while self._clock() < deadline:
            with contextlib.suppress(AbsentError):
                await self._transport.call(Request("get the default account", "GET", path))
                return
            await asyncio.sleep(POLL_SECONDS)
        raise Undecided("no controller makes ServiceAccounts")

    async def _wait(
        self, name: str, until: Callable[[Manifest], bool], seconds: float
    ) -> Manifest | None:
        deadline = self._clock() + seconds
        while True:
            pod = await self._read(name)
            if until(pod):
                return pod
            if self._clock() >= deadline:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self, name: str) -> Manifest:
        request = Request(f"get Pod {name}", "GET", self._path("pods", name))
        return await self._transport.call(request)

    async def _why(self, name: str) -> str:
        """Return in brackets what a Pod waits for, as far as its status says."""
        status: dict[str, Any] = (await self._read(name)).get("status") or {}
        for container in status.get("containerStatuses") or ():
            reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
            if reason:
                return f" ({reason}, image {self._image})"
        return f" ({status.get('phase') or 'not scheduled'})"

    def _path(self, plural: str, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self._namespace}/{plural}"
        return f"{path}/{name}" if name else path

    async def _post(self, path: str, body: Manifest) -> None:
        attempt = f"create {body['kind']} {body['metadata']['name']}"
        await self._transport.call(Request(attempt, "POST", path, body=body))

    async def _delete(self, path: str) -> None:
        with contextlib.suppress(AbsentError):
            await self._transport.call(Request(f"delete {path.rpartition('/')[2]}", "DELETE", path))


def is_up(pod: Manifest) -> bool:
    """Say whether a Pod runs and has an address."""
    status = pod.get("status") or {}
    return status.get("phase") == "Running" and bool(status.get("podIP"))


def is_ready(pod: Manifest) -> bool:
    """Say whether the client reaches the server."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def is_unready(pod: Manifest) -> bool:
    """Say whether the client runs and does not reach the server."""
    return is_up(pod) and not is_ready(pod)


def build_server(namespace: str, image: str) -> Manifest:
    """Build the Pod that listens."""
    return _build_pod(namespace, SERVER, image, SERVE % PORT)


def build_client(namespace: str, image: str, address: str) -> Manifest:
    """Build the Pod that is ready while it reaches `address`."""
    pod = _build_pod(namespace, CLIENT, image, SLEEP)
    pod["spec"]["containers"][0]["readinessProbe"] = {
        "exec": {"command": ["python3", "-c", CALL % (address, PORT)]},
        "periodSeconds": PROBE_SECONDS,
        "timeoutSeconds": PROBE_SECONDS,
        "failureThreshold": 2,
    }
    return pod


def build_policy(namespace: str, who: str) -> Manifest:
    """Build the policy that denies the client's egress or the server's ingress."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"deny-{who}", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {ROLE_LABEL: who}}, "policyTypes": [TYPES[who]]},
    }


def _build_pod(namespace: str, name: str, image: str, program: str) -> Manifest:
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
    amounts = {"cpu": "10m", "memory": "32Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {ROLE_LABEL: name}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-c", program],
                    "resources": {"requests": amounts, "limits": {"memory": "64Mi"}},
                    "securityContext": security,
                }
            ],
        },
    }

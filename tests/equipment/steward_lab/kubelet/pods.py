"""Brings one Pod after another to what its rule says: bind, mount, mark, remove."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx

from steward_lab.errors import ApiError
from steward_lab.kubelet.addresses import AddressBook
from steward_lab.kubelet.api import NodeClient, WriteBudget
from steward_lab.kubelet.events import EventWriter, read_clock
from steward_lab.kubelet.hosting import ProcessHost
from steward_lab.kubelet.mirrors import Mirrors
from steward_lab.kubelet.needs import CLAIM, Need, build_mount_message, build_needs
from steward_lab.kubelet.queueing import KeyQueue
from steward_lab.kubelet.rules import Outcome, Rule, decide_rule
from steward_lab.kubelet.statuses import (
    NODE_NAME,
    PodState,
    build_marked_state,
    build_status,
    build_waiting_state,
    is_status_due,
)
from steward_lab.kubelet.watching import Key, build_key

Manifest = dict[str, Any]
logger = logging.getLogger(__name__)

# A kubelet retries a failed mount after half a second, then doubles up to two minutes.
RETRY_SECONDS_MIN = 0.5
RETRY_SECONDS_MAX = 122.0
ERROR_SECONDS = 0.5
PLURALS = {"Secret": "secrets", "ConfigMap": "configmaps"}


@dataclass(slots=True)
class Retry:
    """When a Pod that cannot start is complained about again."""

    delay_seconds: float
    due: float


class PodWorker:
    """Works through a queue of Pods, level-based: every pass looks at the present Pod alone."""

    def __init__(
        self,
        client: NodeClient,
        mirrors: Mirrors,
        queue: KeyQueue,
        *,
        addresses: AddressBook,
        budget: WriteBudget,
        events: EventWriter,
        host: ProcessHost,
        read_rules: Callable[[], tuple[tuple[Rule, ...], Rule | None]],
    ) -> None:
        """Works with the given parts; `read_rules` answers the rules and the fallback of now."""
        self._client = client
        self._mirrors = mirrors
        self._queue = queue
        self._addresses = addresses
        self._budget = budget
        self._read_rules = read_rules
        self._events = events
        self._host = host
        self._retries: dict[str, Retry] = {}
        self._uids: dict[Key, str] = {}
        self._waiters: dict[tuple[str, str, str], set[Key]] = {}

    async def run(self) -> None:
        """Takes Pods from the queue until cancelled; one that fails is tried again."""
        while True:
            key = await self._queue.take()
            try:
                await self.sync(key)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                logger.warning("pod %s/%s: %s", *key, error)
                self._queue.add_later(key, ERROR_SECONDS)
            finally:
                self._queue.done(key)

    def wake(self, kind: str, key: Key) -> None:
        """Looks again at the Pods that wait for an object that has changed."""
        for pod_key in self._waiters.pop((kind, *key), ()):
            self._queue.add(pod_key)
        self._host.refresh(kind, key)

    async def sync(self, key: Key) -> None:
        """Does for one Pod what is due now."""
        pod = self._mirrors.pods.objects.get(key)
        known_uid = self._uids.get(key)
        if known_uid is not None and (pod is None or pod["metadata"]["uid"] != known_uid):
            await self._forget(key, known_uid)
        if pod is None:
            return
        self._uids[key] = pod["metadata"]["uid"]
        rule = decide_rule(pod, *self._read_rules())
        node = pod["spec"].get("nodeName")
        is_over = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
        if "deletionTimestamp" in pod["metadata"]:
            await self._remove(pod)
        elif not node:
            await self._bind(pod, rule)
        elif node == NODE_NAME and not is_over:
            await self._advance(pod, rule)

    async def _forget(self, key: Key, uid: str) -> None:
        """Drops everything kept for a Pod that is gone."""
        await self._host.forget(uid)
        del self._uids[key]
        self._retries.pop(uid, None)
        self._events.forget(uid)
        self._addresses.release(uid)

    async def _bind(self, pod: Manifest, rule: Rule) -> None:
        """Binds a Pod to this node once its claims are bound."""
        if rule.outcome is Outcome.UNBOUND or pod["spec"].get("schedulingGates"):
            return
        claims = [need for need in build_needs(pod) if need.kind == CLAIM]
        missing = self._gather_missing(pod, claims)
        if missing:
            if self._is_complaint_due(pod, first_after_seconds=1.0):
                message = f'persistentvolumeclaim "{missing[0].name}" not found or not bound'
                await self._events.emit(pod, "FailedScheduling", message)
            return
        self._retries.pop(pod["metadata"]["uid"], None)
        namespace, name = build_key(pod)
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME}
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "uid": pod["metadata"]["uid"]},
            "target": target,
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/binding"
        await self._request_unless_gone(pod, "POST", path, body)

    async def _advance(self, pod: Manifest, rule: Rule) -> None:
        """Starts a bound Pod, or brings a started one to what its rule says now."""
        address = self._addresses.get(pod["metadata"]["uid"])
        runner = self._host.find(pod["metadata"]["uid"])
        is_started = runner is not None or (pod.get("status") or {}).get("phase") == "Running"
        if not is_started:
            missing = self._gather_missing(pod, build_needs(pod))
            missing = [need for need in missing if not await self._is_there(pod, need)]
            if missing:
                await self._complain(pod, address, missing)
                return
            self._retries.pop(pod["metadata"]["uid"], None)
        if runner is None and rule.outcome is Outcome.PROCESS:
            runner = self._host.start(pod, address)
        now = read_clock()
        state = runner.state if runner else build_marked_state(pod, rule, address, now)
        await self._write_status(pod, state)

    def _gather_missing(self, pod: Manifest, needs: list[Need] | tuple[Need, ...]) -> list[Need]:
        """The needs that aren't met, as far as is seen; the Pod is woken when one of them comes."""
        namespace, _ = key = build_key(pod)
        missing = []
        for need in needs:
            if not need.is_optional and not self._mirrors.has(need, namespace):
                self._waiters.setdefault((need.kind, namespace, need.name), set()).add(key)
                missing.append(need)
        return missing

    async def _is_there(self, pod: Manifest, need: Need) -> bool:
        """Asks the server itself, whose news of a new Secret may lie behind those of the Pod."""
        if need.kind == CLAIM:
            return False
        namespace = pod["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{namespace}/{PLURALS[need.kind]}/{need.name}"
        try:
            await self._client.request("GET", path)
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return False
        return True

    async def _complain(self, pod: Manifest, address: str, missing: list[Need]) -> None:
        """Says why a Pod cannot start, in its status and, ever more rarely, in Events."""
        mounts = [need for need in missing if need.volume]
        if mounts:
            await self._write_status(pod, build_waiting_state(pod, address, "ContainerCreating"))
        else:
            text = f'{missing[0].kind.lower()} "{missing[0].name}" not found'
            state = build_waiting_state(pod, address, "CreateContainerConfigError", text)
            await self._write_status(pod, state)
        if not self._is_complaint_due(pod, first_after_seconds=0):
            return
        for need in mounts:
            await self._events.emit(pod, "FailedMount", build_mount_message(need))
        if not mounts:
            await self._events.emit(pod, "Failed", f"Error: {text}")

    def _is_complaint_due(self, pod: Manifest, *, first_after_seconds: float) -> bool:
        """Whether to write an Event again now; asks for the next look at the Pod in any case."""
        uid, now = pod["metadata"]["uid"], asyncio.get_running_loop().time()
        retry = self._retries.get(uid)
        if retry is None:
            retry = Retry(RETRY_SECONDS_MIN, now + first_after_seconds)
            self._retries[uid] = retry
        is_due = now >= retry.due
        if is_due:
            retry.due = now + retry.delay_seconds
            retry.delay_seconds = min(2 * retry.delay_seconds, RETRY_SECONDS_MAX)
        self._queue.add_later(build_key(pod), retry.due - now)
        return is_due

    async def _write_status(self, pod: Manifest, state: PodState) -> None:
        """Writes a Pod's status when it differs from what is there."""
        status = build_status(pod, state, read_clock())
        if not is_status_due(pod, status):
            return
        await self._budget.take()
        namespace, name = build_key(pod)
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        answer = await self._request_unless_gone(pod, "PATCH", path, body)
        if answer is not None:
            self._mirrors.pods.put(answer)

    async def _remove(self, pod: Manifest) -> None:
        """Ends a Pod that is being deleted and takes it out of the API."""
        metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        runner = self._host.find(metadata["uid"])
        if runner is not None:
            runner.end(float(metadata["deletionGracePeriodSeconds"]))
            await self._write_status(pod, runner.state)
            if not runner.is_over:
                return
        elif metadata.get("finalizers") and phase not in {"Succeeded", "Failed"}:
            # The Job controller counts a Pod only in a final phase before it lets it go.
            rule = Rule(Outcome.FAILED, exit_code=137)
            address = self._addresses.get(metadata["uid"])
            await self._write_status(pod, build_marked_state(pod, rule, address, read_clock()))
        if metadata.get("deletionGracePeriodSeconds") == 0:
            return
        namespace, name = build_key(pod)
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        await self._request_unless_gone(pod, "DELETE", path, body)

    async def _request_unless_gone(
        self, pod: Manifest, method: str, path: str, body: Any
    ) -> Manifest | None:
        """Sends a write about a Pod that may be gone (404), another, or in others' hands (409).

        A conflict is looked at again: the next pass sees whether the write is still due.
        """
        patch_type = "merge" if method == "PATCH" else ""
        try:
            return await self._client.request(method, path, body=body, patch_type=patch_type)
        except ApiError as error:
            if error.status == httpx.codes.CONFLICT:
                self._queue.add_later(build_key(pod), ERROR_SECONDS)
            elif error.status != httpx.codes.NOT_FOUND:
                raise
            return None

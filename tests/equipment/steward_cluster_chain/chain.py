"""One assistant in the cluster, and what tests do with it."""

from __future__ import annotations

import base64
import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai

from steward_cluster_chain.declared import (
    PURGE_MINUTES,
    WINDOW_SECONDS,
    Declared,
    build_credential,
)
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet
from steward_lab.kubelet.kubelet import Endpoint
from steward_loopback.polling import wait_until
from steward_operator import names
from steward_operator.labels import labels_that_select_pods
from steward_operator.names import Component
from steward_operator_lab.reading import ASSISTANT_KIND, wait_condition, wait_ready

FIELD_MANAGER = "kubectl"
JOB_SECONDS = 60.0
JOB_STATES = frozenset({"Complete", "Failed"})


@dataclass(frozen=True, slots=True)
class Chain:
    """One assistant, from its objects to its process."""

    admin: KubeClient
    kubelet: Kubelet
    namespace: str
    declared: Declared

    @property
    def name(self) -> str:
        """Name of the Assistant."""
        return self.declared.name

    def apply(self) -> None:
        """Apply our objects on the server's side, as `kubectl apply --server-side` does."""
        for manifest in self.declared.build_objects():
            self.admin.apply(manifest, self.namespace, manager=FIELD_MANAGER)

    def give_credential(self, name: str, token: str) -> None:
        """Apply a user's Secret for loopback."""
        manifest = build_credential(name, token)
        self.admin.apply(manifest, self.namespace, manager=FIELD_MANAGER)

    def edit(self, kind: str, body: Manifest) -> Manifest:
        """Change an object that is named after the assistant."""
        return self.admin.patch(kind, self.name, self.namespace, body=body)

    def read(self) -> Manifest:
        """Read the Assistant."""
        return self.admin.get(ASSISTANT_KIND, self.name, self.namespace)

    def wait_ready(self) -> Manifest:
        """Wait until the Assistant is Ready for its present spec."""
        return wait_ready(self.admin, self.namespace, self.name)

    def wait_condition(self, name: str, *words: str) -> Manifest:
        """Wait until a condition has this status (and reason, and mention)."""
        return wait_condition(self.admin, self.namespace, self.name, name, *words)

    def list_pods(self, component: Component = Component.RUNTIME) -> list[Manifest]:
        """Return the Pods of the runtime, or of purge Jobs."""
        selected = labels_that_select_pods(self.name, component)
        selector = ",".join(f"{key}={value}" for key, value in selected.items())
        return list(self.admin.list("v1/Pod", self.namespace, labels=selector))

    def find_pod(self) -> Manifest:
        """Return the one Pod of the runtime."""
        (pod,) = self.list_pods()
        return pod

    def find_endpoint(self, *, is_admin: bool = False) -> Endpoint:
        """Wait for a ready Pod and return where it serves the public or the admin port."""
        if is_admin:
            service = names.admin_service_name(self.name)
            return self.kubelet.endpoint(service, self.namespace, names.ADMIN_PORT_NAME)
        return self.kubelet.endpoint(self.name, self.namespace, names.HTTP_PORT_NAME)

    def read_key(self) -> str:
        """Read the generated key, as an administrator would."""
        secret = self.read()["status"]["apiKeySecretName"]
        data = self.admin.get("v1/Secret", secret, self.namespace)["data"]
        return base64.b64decode(data["apiKey"]).decode()

    @contextmanager
    def open_client(self, *, key: str | None = None) -> Iterator[openai.OpenAI]:
        """Open the `openai` client on the Pod that is ready now."""
        url = f"{self.find_endpoint().url}/v1"
        with openai.OpenAI(base_url=url, api_key=key or self.read_key(), max_retries=0) as client:
            yield client

    def ask(self, text: str, subject: str = "alice") -> Asked:
        """Send one message in a conversation of its own, and return what came back."""
        with self.open_client() as client:
            answer = client.chat.completions.with_raw_response.create(
                model=self.name,
                messages=[{"role": "user", "content": text}],
                extra_headers={"Steward-Subject": subject},
            )
        said = answer.parse().choices[0].message.content or ""
        return Asked(said, answer.headers["steward-conversation"], answer.headers["steward-task"])

    def find_conversation(self, asked: Asked, subject: str) -> int:
        """Return the HTTP status with which a conversation of a subject is answered."""
        answer = httpx.get(
            f"{self.find_endpoint().url}/v1/conversations/{asked.conversation}",
            headers={"Authorization": f"Bearer {self.read_key()}", "Steward-Subject": subject},
            trust_env=False,
        )
        return answer.status_code

    def run_purge(self) -> Manifest:
        """Make the CronJob's run overdue, and return the Job when it has ended."""
        cron = names.purge_cron_job_name(self.name)
        for job in self._list_jobs(cron):
            self.admin.delete("batch/v1/Job", job["metadata"]["name"], self.namespace)
            self.admin.wait_gone("batch/v1/Job", job["metadata"]["name"], self.namespace)
        now = datetime.datetime.now(datetime.UTC)  # noqa: TID251 - the cluster's clock is ours
        last = now - datetime.timedelta(minutes=PURGE_MINUTES + 1)
        status = {"status": {"lastScheduleTime": last.isoformat(timespec="seconds")}}
        self.admin.patch(
            "batch/v1/CronJob", cron, self.namespace, body=status, subresource="status"
        )
        ended = wait_until(
            lambda: [job for job in self._list_jobs(cron) if find_end(job)], "a purge", JOB_SECONDS
        )
        return ended[0]

    def read_purge_logs(self) -> str:
        """Return what the Pods of purge Jobs said."""
        found = [pod["metadata"]["name"] for pod in self.list_pods(Component.PURGE)]
        texts = (self.kubelet.read_log(p, self.namespace, names.PURGE_CONTAINER) for p in found)
        return "\n".join(texts)

    def _list_jobs(self, cron: str) -> list[Manifest]:
        jobs = self.admin.list("batch/v1/Job", self.namespace)
        return [job for job in jobs if _is_owned_by(job, cron)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply, and the ids under which it can be looked at."""

    text: str
    conversation: str
    task: str


def find_end(job: Manifest) -> str:
    """Return how a Job ended; empty while it runs."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    ends = (c["type"] for c in conditions if c["status"] == "True" and c["type"] in JOB_STATES)
    return next(ends, "")


def find_process(address: str) -> int:
    """Return the id of the runtime's process that listens on an address of a Pod."""
    wanted = [b"--host", address.encode()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        pairs = [words[place : place + 2] for place in range(len(words))]
        if b"serve" in words and wanted in pairs and b"-c" not in words:
            return int(path.parent.name)
    raise AssertionError(f"no runtime listens on {address}")


def _is_owned_by(manifest: Manifest, owner: str) -> bool:
    owners = manifest["metadata"].get("ownerReferences") or ()
    return any(each["name"] == owner for each in owners)


def wait_until_aged(since: float) -> None:
    """Wait until a window has passed since then (monotonic seconds)."""
    wait_until(
        lambda: time.monotonic() - since > WINDOW_SECONDS + 1, "the window", WINDOW_SECONDS + 10
    )

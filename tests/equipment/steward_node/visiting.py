"""A client Pod that talks to assistants through their Services."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from steward_node.cluster import Cluster, Manifest
from steward_node.traffic import Viewpoint

CLIENT = "client"
USER = 65_532
PORT = 8080
# Runs in the Pod: one request, described on standard input; prints status and body.
ASK = """
import json, sys, urllib.error, urllib.request

wanted = json.load(sys.stdin)
body = None if wanted["body"] is None else json.dumps(wanted["body"]).encode()
request = urllib.request.Request(wanted["url"], body, wanted["headers"], method=wanted["method"])
try:
    with urllib.request.urlopen(request, timeout=wanted["seconds"]) as answer:
        said = [answer.status, answer.headers.get("Steward-Conversation"), answer.read().decode()]
except urllib.error.HTTPError as error:
    said = [error.code, None, error.read().decode()]
print(json.dumps(said))
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer.

    Attributes:
        conversation: What the header Steward-Conversation names; "" where there is none.
    """

    status: int
    conversation: str
    text: str

    def read(self) -> Any:
        """Answers the body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody in a client Pod who holds the key of an assistant.

    Attributes:
        assistant: Its name, which is also the name of the model that it serves.
        subject: Whom the visitor speaks for.
    """

    cluster: Cluster
    viewpoint: Viewpoint
    assistant: str
    subject: str
    api_key: str = field(repr=False)

    @property
    def base_url(self) -> str:
        """Where the assistant's Service is."""
        return f"http://{self.assistant}.{self.viewpoint.namespace}.svc:{PORT}"

    def ask(self, method: str, path: str, body: Any = None, *, seconds: int = 120) -> Reply:
        """Sends one request from the Pod."""
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Content-Type": "application/json",
            "Steward-Subject": self.subject,
        }
        wanted = {
            "method": method,
            "url": f"{self.base_url}{path}",
            "body": body,
            "headers": headers,
            "seconds": seconds,
        }
        said = self.cluster.kubectl(
            "exec",
            "--stdin",
            f"--namespace={self.viewpoint.namespace}",
            self.viewpoint.target,
            "--",
            "python3",
            "-c",
            ASK,
            text=json.dumps(wanted),
        )
        status, conversation, text = json.loads(said)
        return Reply(status, conversation or "", text)

    def say(self, text: str) -> Reply:
        """Begins a conversation and waits for the whole answer."""
        message = {"role": "user", "content": text}
        body = {"model": self.assistant, "messages": [message]}
        return self.ask("POST", "/v1/chat/completions", body)


def build_client_pod(namespace: str, image: str, name: str = CLIENT) -> Manifest:
    """Builds a Pod of the restricted level that waits, with Python in it."""
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", "import signal; signal.sigwait({signal.SIGTERM})"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def place_client(cluster: Cluster, namespace: str, image: str) -> Viewpoint:
    """Starts a client Pod in a namespace and waits until it runs."""
    cluster.apply(build_client_pod(namespace, image))
    ready = ("wait", "--for=condition=Ready", f"pod/{CLIENT}", "--timeout=120s")
    cluster.kubectl(*ready, f"--namespace={namespace}")
    return Viewpoint(namespace, f"pod/{CLIENT}", CLIENT)


def read_secret(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """Answers the texts of a Secret."""
    data = cluster.read(f"secret/{name}", f"--namespace={namespace}")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def welcome_visitor(
    cluster: Cluster, viewpoint: Viewpoint, assistant: str, subject: str
) -> Visitor:
    """Answers a visitor of an assistant of the viewpoint's namespace, with its generated key."""
    found = cluster.read(f"assistant/{assistant}", f"--namespace={viewpoint.namespace}")
    secret = read_secret(cluster, viewpoint.namespace, found["status"]["apiKeySecretName"])
    return Visitor(cluster, viewpoint, assistant, subject, secret["apiKey"])

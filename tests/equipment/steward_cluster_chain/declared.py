"""An assistant and all that it names, as a user would write them; endpoints are given."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from steward_operator_lab.samples import CLASSES, Manifest, build_object

PURGE_MINUTES = 10
"""The longest interval whose last minute lies within the CronJob's starting deadline of 600 s."""
WINDOW_SECONDS = 60
"""The shortest window that a policy may have."""
MEMORY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Declared:
    """Names and manifests of one assistant; every object is named after it.

    Attributes:
        name: the Assistant.
        model_url: base URL of the model, with version.
        tool_url: base URL of the tool.
    """

    name: str
    model_url: str
    tool_url: str

    @property
    def model_secret(self) -> str:
        """Secret that opens the model."""
        return f"{self.name}-model-key"

    @property
    def tool_secret(self) -> str:
        """Secret that opens the tool."""
        return f"{self.name}-tickets-key"

    @property
    def tool(self) -> str:
        """Name of the tool."""
        return f"{self.name}-tickets"

    def build_objects(self) -> tuple[Manifest, ...]:
        """Return our kinds, the Assistant first, which no order has to heed."""
        return (
            self._build_assistant(),
            self._build_model(),
            self._build_tool(),
            build_object("Prompt", self.name, {"template": "You are {{assistant}}. First."}),
            self._build_memory(),
            self._build_retention(),
        )

    def _build_assistant(self) -> Manifest:
        spec = {
            "purpose": "Answering tickets",
            "owner": "support",
            "promptRef": {"name": self.name},
            "modelRefs": [{"name": self.name}],
            "toolRefs": [{"name": self.tool}],
            "memoryPolicyRef": {"name": self.name},
            "retentionPolicyRef": {"name": self.name},
            "limits": {"turnDeadlineSeconds": 20},
        }
        return build_object("Assistant", self.name, spec)

    def _build_model(self) -> Manifest:
        endpoint = {
            "baseUrl": self.model_url,
            "credentialSecretRef": {"name": self.model_secret},
        }
        spec = {"type": "OpenAI", "modelName": "scripted", "openAI": endpoint}
        return build_object("Model", self.name, spec)

    def _build_tool(self) -> Manifest:
        spec = {
            "description": "Reads a ticket.",
            "type": "HTTP",
            "http": {
                "url": f"{self.tool_url}/tickets/{{id}}",
                "method": "GET",
                "credentialSecretRef": {"name": self.tool_secret},
            },
            "inputSchema": {
                "type": "object",
                "properties": {"id": {"type": "string", "maxLength": 20}},
                "required": ["id"],
                "additionalProperties": False,
            },
            "contract": {"effect": "Read", "callsPerTurn": 4},
        }
        return build_object("Tool", self.tool, spec)

    def _build_memory(self) -> Manifest:
        segment = {
            "name": "facts",
            "domain": "support",
            "sensitivity": "Internal",
            "write": "UserMessages",
        }
        return build_object("MemoryPolicy", self.name, {"segments": [segment]})

    def _build_retention(self) -> Manifest:
        kept = {"Memory": MEMORY_SECONDS}
        windows = [{"class": c, "keepSeconds": kept.get(c, WINDOW_SECONDS)} for c in CLASSES]
        purge = {"intervalMinutes": PURGE_MINUTES}
        return build_object("RetentionPolicy", self.name, {"windows": windows, "purge": purge})


def build_credential(name: str, token: str, hosts: str = "127.0.0.1") -> Manifest:
    """Return a user's Secret that may be sent to `hosts`."""
    data = {"token": token, "hosts": hosts}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}

"""`steward init`: a folder of manifests that is valid as it is, to be edited from there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from steward_api.meta import API_VERSION, OBJECT_NAME_LENGTH_MAX
from steward_api.v1alpha1.model import LOCAL_CHAT_MODEL
from steward_cli.errors import ExitCode, InputError
from steward_cli.output import OutputFormat, write_json, write_line

_NAME: Final = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?\Z")

_ASSISTANT: Final = """\
apiVersion: {api_version}
kind: Assistant
metadata:
  name: {name}
spec:
  # Why the assistant may hold data at all; part of the label of every value.
  purpose: {name}
  # Who answers for it.
  owner: my-team
  promptRef:
    name: {name}
  # In fail-over order.
  modelRefs:
    - name: {name}
  retentionPolicyRef:
    name: {name}
"""
_PROMPT: Final = """\
apiVersion: {api_version}
kind: Prompt
metadata:
  name: {name}
spec:
  template: |
    You are {{{{assistant}}}}, an assistant of {{{{owner}}}}.
    Answer in short, plain sentences. Say so when you don't know.
"""
_MODEL: Final = """\
# The bundled small model, for this machine only: it shows the plumbing, not the wit.
# For a cluster, name an endpoint with OpenAI's API:
#   type: OpenAI
#   modelName: the-model
#   openAI:
#     baseUrl: https://models.example.com/v1
#     credentialSecretRef: {{name: model-token}}  # keys: token, and hosts it may be sent to
apiVersion: {api_version}
kind: Model
metadata:
  name: {name}
spec:
  type: Local
  modelName: {local_model}
  toolCalling: Constrained
"""
_RETENTION: Final = """\
# Seconds after the last change until data of each class is purged, with a signed receipt.
apiVersion: {api_version}
kind: RetentionPolicy
metadata:
  name: {name}
spec:
  windows:
    - class: Conversations
      keepSeconds: 2592000 # 30 days
    - class: Tasks
      keepSeconds: 2592000
    - class: Memory
      keepSeconds: 31536000 # 365 days
    - class: AuditDetail
      keepSeconds: 31536000
  purge:
    intervalMinutes: 60
"""
TEMPLATES: Final = {
    "assistant.yaml": _ASSISTANT,
    "model.yaml": _MODEL,
    "prompt.yaml": _PROMPT,
    "retention-policy.yaml": _RETENTION,
}


def render_files(name: str) -> dict[str, str]:
    """Return file names and texts of a valid assistant of that name.

    Raises:
        InputError: if an Assistant may not have that name.
    """
    if len(name) > OBJECT_NAME_LENGTH_MAX or not _NAME.match(name):
        raise InputError(
            f"{name!r} is no name for an Assistant: use at most {OBJECT_NAME_LENGTH_MAX} "
            "lower-case letters, digits and '-', starting with a letter"
        )
    values = {"api_version": API_VERSION, "name": name, "local_model": LOCAL_CHAT_MODEL}
    return {file: template.format(**values) for file, template in TEMPLATES.items()}


def init(name: str, folder: Path, output: OutputFormat) -> ExitCode:
    """Write the manifests into a new or empty folder, and say what to do next.

    Raises:
        InputError: if the name is unfit, or the folder is a file or holds something.
    """
    files = render_files(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is in use: name a new or empty folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    if output is OutputFormat.JSON:
        write_json({"folder": str(folder), "files": list(files)})
    else:
        write_line(f"{len(files)} files in {folder}. Next: steward validate {folder}")
    return ExitCode.OK

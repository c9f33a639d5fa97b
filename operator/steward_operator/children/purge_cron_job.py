"""The CronJob that starts purge runs.

While the runtime runs it alone opens the database, so the Job is its client and waits. When the
Assistant is suspended and the last Pod is gone, the Job mounts the volume and purges by itself:
a window does not wait for a suspended assistant.
"""

from __future__ import annotations

import hashlib
from typing import Final

from steward_operator import labels, names
from steward_operator.children import pod
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.names import Component, SecretRole
from steward_operator.objects import Manifest

RETRIES: Final = 1
"""A run that failed is resumed once; after that the next one in the schedule resumes it."""
START_DEADLINE_SECONDS: Final = 600
"""Without a deadline the controller gives up for good after 100 missed starts."""
PURGE_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}
"""A client needs little; the direct variant scans files of any size in bounded pieces."""
MINUTES_PER_HOUR: Final = 60
HOURS_PER_DAY: Final = 24


def build_purge_cron_job(context: ChildContext) -> Manifest:
    """Build the CronJob; it rests only while a policy asks for longer windows."""
    metadata = build_owned_metadata(
        context, names.purge_cron_job_name(context.name), Component.PURGE
    )
    interval = context.purge_interval_minutes
    metadata["annotations"] = {labels.PURGE_INTERVAL: str(interval)}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": build_schedule(context.assistant.metadata.uid, interval),
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": START_DEADLINE_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "suspend": context.is_purging_held,
            "jobTemplate": {
                "metadata": {"labels": labels.labels_of_owned_child(context.name, Component.PURGE)},
                "spec": _build_job(context),
            },
        },
    }


def build_schedule(uid: str, interval_minutes: int) -> str:
    """Return the cron line of an interval; its offset comes from the uid, to spread the load.

    `interval_minutes` divides 60, or is whole hours that divide a day.
    """
    spread = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")
    if interval_minutes == 1:
        return "* * * * *"
    if interval_minutes < MINUTES_PER_HOUR:
        return f"{spread % interval_minutes}-59/{interval_minutes} * * * *"
    minute = spread % MINUTES_PER_HOUR
    hours = interval_minutes // MINUTES_PER_HOUR
    hour = spread // MINUTES_PER_HOUR % hours
    if hours == 1:
        return f"{minute} * * * *"
    if hours == HOURS_PER_DAY:
        return f"{minute} {hour} * * *"
    return f"{minute} {hour}-23/{hours} * * *"


def _build_job(context: ChildContext) -> Manifest:
    return {
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": context.settings.purge_deadline_seconds,
        "template": {
            "metadata": {"labels": labels.labels_of_owned_child(context.name, Component.PURGE)},
            "spec": _build_direct_pod(context) if context.is_stopped else _build_client(context),
        },
    }


def _build_client(context: ChildContext) -> Manifest:
    server = names.admin_url(context.name, context.namespace)
    return {
        **pod.build_pod_basics(context),
        "restartPolicy": "Never",
        "containers": [
            _build_container(
                context,
                ["--server", server],
                [pod.build_secret_mount(SecretRole.PURGE), pod.build_temporary_mount()],
            )
        ],
        "volumes": [
            pod.build_secret_volume(context, SecretRole.PURGE),
            pod.build_temporary_volume(),
        ],
    }


def _build_direct_pod(context: ChildContext) -> Manifest:
    roles = (SecretRole.ENCRYPTION, SecretRole.SIGNING)
    return {
        **pod.build_pod_basics(context),
        "restartPolicy": "Never",
        "containers": [
            _build_container(
                context, ["--data", names.DATA_PATH], pod.build_state_mounts(context, roles)
            )
        ],
        "volumes": pod.build_state_volumes(context, roles),
    }


def _build_container(context: ChildContext, args: list[str], mounts: list[Manifest]) -> Manifest:
    return {
        "name": names.PURGE_CONTAINER,
        "image": context.settings.runtime_image,
        "imagePullPolicy": context.settings.runtime_image_pull_policy,
        "command": [names.RUNTIME_COMMAND],
        "args": ["purge", "--config", names.CONFIG_PATH, *args],
        "resources": PURGE_RESOURCES,
        "securityContext": pod.build_container_security(),
        "volumeMounts": mounts,
    }

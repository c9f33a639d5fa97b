"""ValidatingAdmissionPolicies: what CEL can say about one write and its author (pure).

A rule of a kind sees the object alone; these see who writes. They are no webhooks: the API server
evaluates them itself, and no process of ours has to be up.
"""

from __future__ import annotations

from typing import Final

from steward_api.meta import GROUP, SECRET_KIND, VERSION, Kind
from steward_api.references import gather_reference_fields
from steward_api.v1alpha1 import KINDS, Assistant, Model, Tool
from steward_operator.names import ERASURE_FINALIZER
from steward_operator.objects import Manifest

API_VERSION: Final = "admissionregistration.k8s.io/v1"
RELEASE_VERB: Final = "release"
"""Custom verb on Assistants: who holds it may take the finalizer of an erasure away."""

SPEC_IS_NEW: Final = "request.operation == 'CREATE' || object.spec != oldObject.spec"
"""The operator's and the garbage collector's writes of metadata are not judged again."""

ENDPOINTS: Final[dict[type[Kind], tuple[str, str]]] = {
    Model: ("openAI", "baseUrl"),
    Tool: ("http", "url"),
}
"""Where a kind says to which URL its credential goes."""


def gather_kinds_with_secrets() -> tuple[type[Kind], ...]:
    """Return the kinds that name Secrets."""
    return tuple(kind for kind in KINDS if _secret_paths(kind))


def build_secret_policy_spec(kind: type[Kind]) -> Manifest:
    """Build the policy by which nobody uses a Secret through us that he may not read himself."""
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [_match(kind, "CREATE", "UPDATE")]},
        "matchConditions": [{"name": "spec-is-new", "expression": SPEC_IS_NEW}],
        "validations": [_secret_rule(kind, path) for path in _secret_paths(kind)],
    }


def build_finalizer_policy_spec(operator_user: str) -> Manifest:
    """Build the policy by which an erasure is not skipped by taking its finalizer away.

    Args:
        operator_user: text of the operator's user name, a template expression included.
    """
    plural = Assistant.NAMES.plural
    is_taken = (
        "!has(oldObject.metadata.finalizers) "
        f"|| !oldObject.metadata.finalizers.exists(f, f == '{ERASURE_FINALIZER}') "
        f"|| (has(object.metadata.finalizers) "
        f"&& object.metadata.finalizers.exists(f, f == '{ERASURE_FINALIZER}'))"
    )
    may_release = (
        f"authorizer.group('{GROUP}').resource('{plural}').namespace(object.metadata.namespace)"
        f".name(object.metadata.name).check('{RELEASE_VERB}').allowed()"
    )
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [_match(Assistant, "UPDATE")]},
        "matchConditions": [
            {
                "name": "not-the-operator",
                "expression": f"request.userInfo.username != '{operator_user}'",
            },
        ],
        "validations": [
            {
                "expression": f"{is_taken} || {may_release}",
                "message": (
                    f"the finalizer {ERASURE_FINALIZER} is removed by the operator when the "
                    "erasure is proven or its deadline has passed; to skip the erasure you need "
                    f"the verb {RELEASE_VERB} on {plural}.{GROUP}"
                ),
                "reason": "Forbidden",
            }
        ],
    }


def build_plain_credential_policy_spec(kind: type[Kind]) -> Manifest:
    """Build the policy that warns of a credential on its way out of the cluster in clear text."""
    endpoint, url = ENDPOINTS[kind]
    at, value = f"object.spec.{endpoint}", f"object.spec.{endpoint}.{url}"
    return {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": [_match(kind, "CREATE", "UPDATE")]},
        "matchConditions": [{"name": "spec-is-new", "expression": SPEC_IS_NEW}],
        "validations": [
            {
                "expression": (
                    f"!has({at}) || !has({at}.credentialSecretRef) "
                    f"|| !{value}.startsWith('http://') "
                    f"|| {value}.matches('^http://[^/:]+[.]svc([.][^/:]+)?(:[0-9]+)?(/|$)') "
                    f"|| {value}.matches('^http://[^/:.]+(:[0-9]+)?(/|$)')"
                ),
                "message": (
                    f"the credential may leave the cluster unencrypted: use https:// in spec."
                    f"{endpoint}.{url}"
                ),
            }
        ],
    }


def _secret_paths(kind: type[Kind]) -> list[tuple[str, ...]]:
    return [f.path for f in gather_reference_fields(kind) if f.kind == SECRET_KIND]


def _secret_rule(kind: type[Kind], path: tuple[str, ...]) -> Manifest:
    """Build the rule on one reference.

    Raises:
        ValueError: if the reference is inside a list, which no kind has yet.
    """
    if "[]" in path:
        raise ValueError(f"{kind.NAMES.kind} names Secrets in a list at {path}: write its rule")
    steps = [".".join(("object", *path[:end])) for end in range(2, len(path) + 1)]
    is_absent = " || ".join(f"!has({step})" for step in steps)
    reference = steps[-1]
    check = (
        "authorizer.group('').resource('secrets').namespace(object.metadata.namespace)"
        f".name({reference}.name).check('get').allowed()"
    )
    return {
        "expression": f"{is_absent} || {check}",
        "messageExpression": (
            f"'{'.'.join(path)} names Secret ' + {reference}.name + ', which you may not read: ask "
            f"for the verb get on it, or have somebody who holds it write this {kind.NAMES.kind}'"
        ),
        "reason": "Forbidden",
    }


def _match(kind: type[Kind], *operations: str) -> Manifest:
    return {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": list(operations),
        "resources": [kind.NAMES.plural],
        "scope": kind.NAMES.scope.value,
    }

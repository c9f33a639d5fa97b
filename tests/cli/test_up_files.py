"""The state folder: what is written, who may read it, what is kept and what is refused."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from steward_api.blueprint import Bindings, Trust
from steward_cli.local.declaration import LocalDeclaration, gather_declaration
from steward_cli.local.endpoint import UserEndpoint
from steward_cli.local.errors import AlreadyRunning, DeclarationInvalid, KeyLost
from steward_cli.local.files import (
    apply_bindings,
    apply_credentials,
    apply_endpoint_credential,
    apply_files,
    apply_folders,
)
from steward_cli.local.identity import gather_identity
from steward_cli.local.layout import StateFolder, resolve_state_folder
from steward_cli.local.leftovers import apply_end
from steward_cli.local.planning import gather_assistant, plan_found
from steward_cli.local.programs import LocalPlan, plan_local
from steward_cli.local.record import (
    ProcessRecord,
    RunRecord,
    RunState,
    apply_record,
    gather_record,
    hold_lock,
    is_held,
    measure_start,
)
from steward_cli.local.specs import LocalPorts, build_bindings
from steward_operator.apply.material import build_material

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDPOINT = UserEndpoint("https://models.example.com/v1", "large", "secret-key")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """An empty state folder."""
    folder = StateFolder(tmp_path / "state" / "helpdesk")
    apply_folders(folder)
    return folder


@pytest.fixture
def plan(examples: Path, state: StateFolder) -> LocalPlan:
    """The plan of the first example on this machine."""
    identity = gather_identity(state)
    found = gather_assistant(examples / "01-helpdesk")
    return plan_local(plan_found(found, uid=identity.uid, keys=(identity.trusted,), now=NOW))


def write_all(state: StateFolder, plan: LocalPlan, folder: Path) -> None:
    """Write everything that the runtime reads."""
    apply_files(state, plan, build_material)
    apply_credentials(state, plan, gather_declaration(folder), folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below `folder` with their content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_config_folder_looks_like_the_pods(
    state: StateFolder, plan: LocalPlan, examples: Path
) -> None:
    """Same sub-folders and file names as below /etc/steward."""
    write_all(state, plan, examples / "01-helpdesk")
    assert set(contents(state.config)) == {
        "blueprint/blueprint.json",
        "credentials/ticket-service-token/hosts",
        "credentials/ticket-service-token/token",
        "keys/api/apiKey",
        "keys/encryption/kek",
        "keys/encryption/keyId",
        "keys/purge/token",
        "keys/signing/signingKey",
        "trust/trust.json",
    }


def test_nobody_else_may_read_the_state(
    state: StateFolder, plan: LocalPlan, examples: Path
) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    write_all(state, plan, examples / "01-helpdesk")
    for path in (state.root, *state.root.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert (path, stat.S_IMODE(path.stat().st_mode)) == (path, wanted)


def test_keys_are_made_once(state: StateFolder, plan: LocalPlan, examples: Path) -> None:
    """A second start finds the same keys and tokens."""
    write_all(state, plan, examples / "01-helpdesk")
    before = contents(state.config)
    write_all(state, plan, examples / "01-helpdesk")
    assert contents(state.config) == before


def test_the_access_key_is_made_anew_when_it_is_gone(
    state: StateFolder, plan: LocalPlan, examples: Path
) -> None:
    """As in the cluster: whoever holds one asks for the new one."""
    write_all(state, plan, examples / "01-helpdesk")
    key = state.config / "keys" / "api" / "apiKey"
    before = key.read_bytes()
    key.unlink()
    (state.data / "steward.db").write_bytes(b"")
    write_all(state, plan, examples / "01-helpdesk")
    assert key.read_bytes() not in {b"", before}


@pytest.mark.parametrize("lost", ["encryption/kek", "signing/signingKey"])
def test_a_lost_key_of_existing_data_is_never_made_anew(
    state: StateFolder, plan: LocalPlan, examples: Path, lost: str
) -> None:
    """Data that nobody can read must not look like a fresh start."""
    write_all(state, plan, examples / "01-helpdesk")
    (state.config / "keys" / lost).unlink()
    (state.data / "steward.db").write_bytes(b"")
    with pytest.raises(KeyLost, match="restore the file, or start anew"):
        apply_files(state, plan, build_material)


def test_trust_holds_the_operators_public_key(state: StateFolder, plan: LocalPlan) -> None:
    """The key whose private half lies in the operator's folder."""
    apply_files(state, plan, build_material)
    trust = Trust.model_validate_json((state.config / "trust" / "trust.json").read_bytes())
    assert trust.operator_keys == (gather_identity(state).trusted,)


def test_a_secret_that_nobody_declared_is_named(
    state: StateFolder, plan: LocalPlan, tmp_path: Path
) -> None:
    """The message says where to add it."""
    with pytest.raises(DeclarationInvalid, match=r"ticket-service-token.*local\.yaml"):
        apply_credentials(state, plan, LocalDeclaration(), tmp_path)


def test_a_secret_may_come_from_a_folder(
    state: StateFolder, plan: LocalPlan, tmp_path: Path
) -> None:
    """One file per key, for a real token of a real service."""
    own = tmp_path / "mine"
    own.mkdir()
    (own / "token").write_text("real")
    (own / "hosts").write_text("tickets.example.com")
    declared = {"secrets": [{"name": "ticket-service-token", "folder": "mine"}]}
    apply_credentials(state, plan, LocalDeclaration.model_validate(declared), tmp_path)
    target = state.config / "credentials" / "ticket-service-token"
    assert contents(target) == {"token": b"real", "hosts": b"tickets.example.com"}


def test_a_declared_folder_must_exist(state: StateFolder, plan: LocalPlan, tmp_path: Path) -> None:
    """The message names it."""
    declared = {"secrets": [{"name": "ticket-service-token", "folder": "mine"}]}
    with pytest.raises(DeclarationInvalid, match="mine does not exist"):
        apply_credentials(state, plan, LocalDeclaration.model_validate(declared), tmp_path)


def test_the_users_endpoint_takes_the_place_of_the_local_model(
    state: StateFolder, plan: LocalPlan
) -> None:
    """URL, model name and credential are bound outside the digest; the key is bound to its host."""
    ports = LocalPorts(1, 2, 3, 4, 5, {"tickets.helpdesk.svc:8080": 6})
    apply_bindings(state, build_bindings(plan.blueprint, ports, ENDPOINT))
    apply_endpoint_credential(state, ENDPOINT)
    bindings = Bindings.model_validate_json((state.config / "bindings.json").read_bytes())
    assert bindings.models == {"chat": "https://models.example.com/v1"}
    assert bindings.model_substitutes["chat"].model_name == "large"
    folder = state.config / "credentials" / str(bindings.model_substitutes["chat"].credential)
    assert contents(folder) == {"hosts": b"models.example.com:443", "token": b"secret-key"}


def test_the_endpoints_key_goes_when_it_is_no_longer_used(state: StateFolder) -> None:
    """The next start without OPENAI_API_KEY removes it."""
    apply_endpoint_credential(state, ENDPOINT)
    apply_endpoint_credential(state, None)
    assert contents(state.config) == {}


def test_the_bundled_model_is_bound_to_its_port(plan: LocalPlan) -> None:
    """Logical hosts and the Local model lead to loopback."""
    ports = LocalPorts(1, 2, 3, 4, 5, {"tickets.helpdesk.svc:8080": 6})
    bindings = build_bindings(plan.blueprint, ports, None)
    assert bindings.models == {"chat": "http://127.0.0.1:4/v1"}
    assert bindings.hosts == {"tickets.helpdesk.svc:8080": "127.0.0.1:6"}
    assert bindings.model_substitutes == {}


def test_the_state_option_wins_over_the_variable(tmp_path: Path) -> None:
    """--state, then $STEWARD_HOME, then ./.steward."""
    variable = {"STEWARD_HOME": str(tmp_path / "home")}
    assert resolve_state_folder("a", variable).root == tmp_path / "home" / "a"
    assert resolve_state_folder("a", variable, state=tmp_path / "x").root == tmp_path / "x" / "a"
    assert resolve_state_folder("a", {}).root == Path.cwd() / ".steward" / "a"


def test_a_second_supervisor_is_refused(state: StateFolder) -> None:
    """The message says how to reach the first one."""
    with hold_lock(state):
        apply_record(state, record_of(state, ()))
        with pytest.raises(AlreadyRunning, match=r"already running.*steward down helpdesk"):
            hold_lock(state).__enter__()
        assert is_held(state)
    assert not is_held(state)


def test_a_record_that_is_broken_is_no_record(state: StateFolder) -> None:
    """A half-written file of another version does not stop a start."""
    state.record.write_text(json.dumps({"assistant": 3}))
    assert gather_record(state) is None


def test_leftover_children_are_ended_and_strangers_are_not(state: StateFolder) -> None:
    """Pid and start time must both fit, so a reused pid is safe."""
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)")) as ours:
        started = measure_start(ours.pid)
        assert started is not None
        apply_record(state, record_of(state, (process_of("stranger", ours.pid, started + 1),)))
        assert apply_end(state) == ()
        assert ours.poll() is None
        apply_record(state, record_of(state, (process_of("runtime", ours.pid, started),)))
        assert apply_end(state) == ("runtime",)
        assert ours.wait(timeout=30) == -9


def process_of(name: str, pid: int, started: int) -> ProcessRecord:
    """Return a record of one child."""
    return ProcessRecord(name=name, pid=pid, started_ticks=started, restarts=0, log="")


def record_of(state: StateFolder, processes: tuple[ProcessRecord, ...]) -> RunRecord:
    """Return a supervisor's record."""
    return RunRecord(
        assistant=state.name,
        state=RunState.READY,
        pid=1,
        folder="",
        endpoint="http://127.0.0.1:1/v1",
        admin_url="",
        metrics_url="",
        key_file="",
        blueprint_digest="",
        model="",
        processes=processes,
    )

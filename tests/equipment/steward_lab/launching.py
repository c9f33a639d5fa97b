"""Starts one program that dies with its parent, in a file tree of its own where asked.

This file is a program, not a module of the package: it runs as `python -I -S launching.py SPEC`
in the child, replaces itself with the wanted program, and uses the standard library alone.
`SPEC` is a JSON file:

    parent      process id that must still be the parent
    argv        the program and its arguments
    environment the complete environment, or null for the parent's
    directory   working directory, or null
    failure     file that gets a line if the program cannot be started, or null
    tree        null, or what the program sees as its file system:
        staging     an empty folder, where the tree is put together
        mounts      [{source, path, is_read_only}] in order of depth
        visible     paths of the machine that no mount may hide, such as the interpreter's
        is_read_only  whether everything but the mounts refuses writes

The tree is the machine's own, by bind mounts in a private mount namespace, changed only where a
mount needs a folder that the machine hasn't: nothing is created on the machine itself. That needs
root or unprivileged user namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

EXIT_CANNOT_START = 125
NEEDED = "process mode needs root or unprivileged user namespaces"
# From linux/sched.h, sys/mount.h, linux/mount.h and linux/prctl.h.
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 0x1, 0x2, 0x4, 0x20
MS_BIND, MS_REC, MS_UNBINDABLE, MS_PRIVATE = 0x1000, 0x4000, 0x20000, 0x40000
MOUNT_ATTR_RDONLY, AT_FDCWD, AT_RECURSIVE = 0x1, -100, 0x8000
SYS_MOUNT_SETATTR = 442
PR_SET_PDEATHSIG = 1

Wanted = dict[tuple[str, ...], bool]

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, attempt: str) -> None:
    """Raises what errno says when a call of the C library failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{attempt}: {os.strerror(number)}")


def place(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Makes or changes one mount point; mount(2) says what the flags do."""
    kind_bytes = kind.encode() if kind is not None else None
    result = libc.mount(source.encode(), target.encode(), kind_bytes, flags, options.encode())
    check(result, f"mounting {source} at {target}")


def bind(source: str, target: str) -> None:
    """Makes a file or folder, with everything mounted below it, appear at a second place."""
    place(source, target, None, MS_BIND | MS_REC)


def enter_namespace() -> None:
    """Gives this process mounts of its own; as somebody else than root in a user namespace."""
    user, group = os.getuid(), os.getgid()
    if user == 0:
        check(libc.unshare(CLONE_NEWNS), "unsharing the mount namespace")
    else:
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), f"unsharing mounts ({NEEDED})")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    place("none", "/", None, MS_REC | MS_PRIVATE)


def clone_folder(real: str | None, copy: str, wanted: Wanted) -> None:
    """Fills `copy` with what `real` shows, leaving room for the wanted paths below it.

    Args:
        real: Folder of the machine, or None where the machine has none.
        copy: Empty folder that becomes its double.
        wanted: Paths relative to `copy` that must be the tree's own, and whether each is a folder.
    """
    heads = {path[0] for path in wanted}
    for entry in os.scandir(real) if real is not None else ():
        target = Path(copy, entry.name)
        if entry.name in heads:
            continue
        if entry.is_symlink():
            target.symlink_to(Path(entry.path).readlink())
            continue
        place_mount_point(target, is_folder=entry.is_dir())
        bind(entry.path, str(target))
    for head in heads:
        below = {path[1:]: is_folder for path, is_folder in wanted.items() if path[0] == head}
        is_folder = below.pop((), True) or bool(below)
        place_mount_point(Path(copy, head), is_folder=is_folder)
        if below:
            inner = None if real is None else str(Path(real, head))
            clone_folder(inner if inner and Path(inner).is_dir() else None, f"{copy}/{head}", below)


def place_mount_point(target: Path, *, is_folder: bool) -> None:
    """Makes an empty folder or file to mount on, where there is nothing yet."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_folder:
        target.mkdir()
    else:
        target.touch()


def set_read_only(path: str) -> None:
    """Makes a mount and everything below it refuse writes (mount_setattr, Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = libc.syscall(
        SYS_MOUNT_SETATTR,
        ctypes.c_int(AT_FDCWD),
        path.encode(),
        ctypes.c_uint(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    check(result, f"making {path} read-only")


def place_mount(root: str, source: str, path: str, *, is_read_only: bool) -> None:
    """Binds one volume at its path in the tree."""
    target = Path(root + path)
    place_mount_point(target, is_folder=Path(source).is_dir())
    bind(source, str(target))
    if is_read_only:
        set_read_only(str(target))


def is_shown(target: str, path: str) -> bool:
    """Says whether the tree already shows this folder of the machine, not just one of its name.

    A volume keeps the empty mount point that the container's first start has made in it.
    """
    return Path(target).exists() and Path(target).samefile(path)


def build_tree(tree: dict[str, Any]) -> None:
    """Puts the tree together in the staging folder and makes it this process's root."""
    enter_namespace()
    root = str(tree["staging"])
    place("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    # Else the copy of the folder above it would hold the tree, mount by mount, a second time.
    place("none", root, None, MS_UNBINDABLE)
    mounts = [{**item, "path": str(Path(item["path"]).resolve())} for item in tree["mounts"]]
    wanted = {
        tuple(item["path"].strip("/").split("/")): Path(item["source"]).is_dir() for item in mounts
    }
    clone_folder("/", root, wanted)
    if tree["is_read_only"]:
        set_read_only(root)
        shared_memory = Path(root, "dev", "shm")
        if shared_memory.is_dir():
            place("tmpfs", str(shared_memory), "tmpfs", MS_NOSUID | MS_NODEV, "size=64m")
    for item in mounts:
        place_mount(root, item["source"], item["path"], is_read_only=item["is_read_only"])
    for path in tree["visible"]:
        if Path(path).exists() and not is_shown(root + path, path):
            place_mount(root, path, path, is_read_only=False)
    os.chroot(root)


def die_with(parent: int) -> None:
    """Asks the kernel to kill this process when its parent ends, however that ends."""
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "asking to die with the parent")
    if os.getppid() != parent:
        sys.exit(EXIT_CANNOT_START)


def become(specification: dict[str, Any]) -> None:
    """Prepares the file tree and turns this process into the wanted program."""
    argv: list[str] = specification["argv"]
    declared = specification["environment"]
    if specification["tree"] is not None:
        build_tree(specification["tree"])
    die_with(specification["parent"])
    os.chdir(specification["directory"] or "/")
    environment = os.environ if declared is None else declared
    os.execvpe(argv[0], argv, environment)  # noqa: S606 - becoming the program is the purpose


def main() -> None:
    """Reads the specification and becomes the program, or says why it could not."""
    specification = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # Opened now, since the tree may hide it or refuse writes.
    with Path(specification["failure"] or os.devnull).open("w", encoding="utf-8") as failure:
        try:
            become(specification)
        except OSError as error:
            text = f"cannot start {specification['argv'][0]}: {error}\n"
            failure.write(text)
            sys.stderr.write(text)
    sys.exit(EXIT_CANNOT_START)


if __name__ == "__main__":
    main()

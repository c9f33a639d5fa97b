"""A Git repository on loopback: commits made from text, served by Git's own daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from steward_lab.errors import StartError
from steward_lab.processes import ChildProcess

BRANCH = "main"
NAME = "declared.git"
GIT_SECONDS = 60.0
IDENTITY = {
    "GIT_AUTHOR_NAME": "team",
    "GIT_AUTHOR_EMAIL": "team@example.com",
    "GIT_COMMITTER_NAME": "team",
    "GIT_COMMITTER_EMAIL": "team@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """One repository with one branch, as a team would push to."""

    def __init__(self, directory: Path, port: int) -> None:
        """Make an empty repository below `directory`; `start` serves it.

        Raises:
            StartError: Git is not on this machine.
        """
        if shutil.which("git") is None:
            raise StartError("the repository needs git: install it")
        self.url = f"git://127.0.0.1:{port}/{NAME}"
        self._base = directory / "git"
        self._tree = directory / "tree"
        self._environment = {
            **IDENTITY,
            "HOME": str(directory),
            "PATH": os.environ.get("PATH", os.defpath),
        }
        self._base.mkdir(parents=True)
        self._tree.mkdir()
        self._git("init", "--quiet", f"--initial-branch={BRANCH}")
        bare = str(self._base / NAME)
        self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", bare)
        self._git("remote", "add", "origin", bare)
        # The daemon itself, since `git daemon` would be a second process above it.
        programs = self._git("--exec-path").strip()
        argv = (
            f"{programs}/git-daemon",
            f"--base-path={self._base}",
            "--export-all",
            "--reuseaddr",
            "--listen=127.0.0.1",
            f"--port={port}",
            str(self._base),
        )
        self.process = ChildProcess("git-daemon", argv, directory)

    def commit(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Write files by path, remove those that are None, push, and return the commit's id."""
        for name, text in files.items():
            path = self._tree / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        self._git("push", "--quiet", "origin", BRANCH)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ("git", *arguments),
            check=False,
            capture_output=True,
            text=True,
            cwd=self._tree,
            env=self._environment,
            timeout=GIT_SECONDS,
        )
        if done.returncode != 0:
            raise StartError(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

"""The package index of a build: what pip here is told, as secrets that end with the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_release.errors import BuildFailed
from steward_release.index import (
    open_index_secrets,
    parse_pip_options,
    render_configuration,
)

LISTED = "global.index-url='https://one.test/x'\n:env:.timeout='9'\nlist.format='json'\n"


def test_a_build_uses_the_index_of_this_machines_pip() -> None:
    """Files and environment of pip count; options of its other commands do not."""
    options = parse_pip_options(LISTED)
    assert options == {"index-url": "https://one.test/x", "timeout": "9"}
    expected = "[global]\nindex-url = https://one.test/x\ntimeout = 9\n"
    assert render_configuration(options, has_wheels=False) == expected


def test_folders_of_this_machine_are_left_out() -> None:
    """A build cannot see them; addresses beside them stay."""
    options = {"find-links": "/srv/wheels https://two.test/wheels"}
    text = render_configuration(options, has_wheels=False)
    assert text == "[global]\nfind-links = https://two.test/wheels\n"


def test_with_wheels_no_index_is_asked() -> None:
    """The folder of wheels is then the only source, whatever pip is configured with."""
    text = render_configuration({"index-url": "https://one.test/x"}, has_wheels=True)
    assert text == "[global]\nno-index = true\nfind-links = /wheels\n"


def test_the_secrets_end_with_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They lie in a folder of this user alone, which is gone afterwards."""
    certificates = tmp_path / "ca.pem"
    certificates.write_text("authority")
    monkeypatch.setenv("PIP_CERT", str(certificates))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "zebra.test")
    with open_index_secrets(None) as secrets:
        files = [Path(each.partition(",src=")[2]) for each in secrets.arguments]
        assert "trusted-host = zebra.test" in files[0].read_text()
        assert files[1].read_text() == "authority"
        assert files[0].parent.stat().st_mode & 0o777 == 0o700
    assert not files[0].parent.exists()


def test_a_folder_of_wheels_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Otherwise the build would fail late, at its first package."""
    with (
        pytest.raises(BuildFailed, match=r"there is no folder .*absent"),
        open_index_secrets(tmp_path / "absent"),
    ):
        pass

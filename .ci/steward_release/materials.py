"""Bills of materials (CycloneDX JSON) of images and of the wheel.

An image's bill is read from the archive itself: what pip and dpkg recorded there, not what was
asked for. A wheel's bill lists what it asks for, since its user's installer chooses the versions.
"""

from __future__ import annotations

import json
import posixpath
import re
import uuid
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from steward_release.archives import ImageArchive, collect_files
from steward_release.wheels import digest_file

DPKG: Final = ("var/lib/dpkg/status", "var/lib/dpkg/status.d/")
PURPOSE: Final = uuid.UUID("6a1b7a3e-5d0c-5f0e-9a51-0d1f8a4c2b77")
"""Name space of serial numbers: the same subject has the same one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bill is of."""

    name: str
    version: str
    sha256: str
    kind: ComponentType
    epoch: int
    """Time of the bill, in seconds since 1970: that of the source."""


def is_record(path: str) -> bool:
    """Tell whether a file of an image says what is installed."""
    name = posixpath.basename(path)
    is_python = path.endswith((".dist-info/METADATA", ".dist-info/direct_url.json"))
    return is_python or path == DPKG[0] or (path.startswith(DPKG[1]) and not name.endswith("sums"))


def build_image_subject(image: ImageArchive, name: str, version: str, epoch: int) -> Subject:
    """Return what the bill of an image is of: the image by the digest of its manifest."""
    digest = image.digest.removeprefix("sha256:")
    return Subject(name, version, digest, ComponentType.CONTAINER, epoch)


def build_image_bill(image: ImageArchive, subject: Subject) -> str:
    """Return the bill of an image as JSON text.

    Raises:
        ArchiveInvalid: if the archive cannot be read.
    """
    records = collect_files(image, is_record)
    found = [_component_of_python(path, records) for path in records if path.endswith("/METADATA")]
    for path, content in records.items():
        if path.startswith("var/lib/dpkg/"):
            found += parse_dpkg(content.decode(errors="replace"))
    return render_bill(subject, found)


def build_wheel_bill(wheel: Path, epoch: int) -> str:
    """Return the bill of a wheel as JSON text: what it asks for, with the range it asks for."""
    with zipfile.ZipFile(wheel) as packed:
        name = next(each for each in packed.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(packed.read(name).decode())
    subject = Subject(
        metadata["Name"],
        metadata["Version"],
        digest_file(wheel),
        ComponentType.LIBRARY,
        epoch,
    )
    return render_bill(subject, _merge(metadata.get_all("Requires-Dist") or ()))


def parse_dpkg(status: str) -> list[Component]:
    """Return the packages that dpkg lists as installed."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = Parser().parsestr(paragraph)
        if fields["Package"] and (fields["Status"] or "installed").endswith("installed"):
            place = {"arch": fields["Architecture"]} if fields["Architecture"] else None
            version = fields["Version"]
            purl = PackageURL("deb", "debian", fields["Package"], version, place)
            found.append(_component(fields["Package"], version, purl))
    return found


def render_bill(subject: Subject, components: Iterable[Component]) -> str:
    """Return a bill as JSON text: equal contents give equal bytes."""
    listed = {str(component.bom_ref): component for component in components}.values()
    bom = Bom(components=listed, serial_number=uuid.uuid5(PURPOSE, subject.sha256))
    bom.metadata.timestamp = datetime.fromtimestamp(subject.epoch, UTC)
    root = Component(
        name=subject.name,
        version=subject.version,
        type=subject.kind,
        bom_ref=f"{subject.name}@{subject.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.sha256)],
    )
    bom.metadata.component = root
    bom.register_dependency(root, listed)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _component_of_python(path: str, records: dict[str, bytes]) -> Component:
    metadata = Parser().parsestr(records[path].decode(errors="replace"))
    name, version = metadata["Name"], metadata["Version"]
    origin = json.loads(records.get(path.replace("/METADATA", "/direct_url.json"), b"{}"))
    sha256 = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    purl = PackageURL("pypi", None, re.sub(r"[-_.]+", "-", name).lower(), version)
    component = _component(name, version, purl)
    component.licenses.update(
        LicenseFactory().make_from_string(each) for each in _licence(metadata)
    )
    if sha256:
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=sha256))
    return component


def _licence(metadata: Message) -> tuple[str, ...]:
    """Return what a distribution says of its licence, if it says it in one line."""
    for field in ("License-Expression", "License"):
        said = str(metadata[field] or "").strip()
        if said and "\n" not in said and said.upper() != "UNKNOWN":
            return (said,)
    prefix = "License :: OSI Approved :: "
    classifiers = metadata.get_all("Classifier") or []
    return tuple(each.removeprefix(prefix) for each in classifiers if each.startswith(prefix))[:1]


def _merge(requirements: Iterable[str]) -> list[Component]:
    """Return one component per package, with every range that is asked for as a property."""
    ranges: dict[str, list[str]] = {}
    for requirement in requirements:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        ranges.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(requirement)
    found = []
    for name, asked in ranges.items():
        component = _component(name, None, PackageURL("pypi", None, name))
        component.properties.update(Property(name="requirement", value=each) for each in asked)
        found.append(component)
    return found


def _component(name: str, version: str | None, purl: PackageURL) -> Component:
    reference = purl.to_string()
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=reference
    )

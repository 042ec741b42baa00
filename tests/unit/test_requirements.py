"""Lower bounds of the requirements: no version with a known vulnerability can be installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

LINES = (Path(__file__).parents[2] / "requirements.txt").read_text(encoding="utf-8").splitlines()
REQUIREMENTS = [Requirement(line) for line in LINES if not line.startswith("#")]
# The newest version without a fix. Source: the advisories of GitHub for each package.
VULNERABLE = [
    ("starlette", "0.49.0", "CVE-2025-62727, CVE-2025-54121, CVE-2024-47874: denial of service"),
    ("python-multipart", "0.0.26", "CVE-2026-24486, CVE-2024-53981: path traversal, denial of service"),
    ("h11", "0.14.0", "CVE-2025-43859: request smuggling"),
    ("requests", "2.32.5", "CVE-2024-35195, CVE-2024-47081: TLS not verified, credentials of .netrc to another host"),
    ("urllib3", "2.6.2", "CVE-2025-66418, CVE-2025-66471, CVE-2026-21441: decompression bombs"),
    ("Authlib", "1.6.5", "CVE-2025-59420, CVE-2025-61920, CVE-2025-68158: signatures and forged log-ins"),
]


@pytest.mark.parametrize(("name", "version", "advisories"), VULNERABLE, ids=[row[0] for row in VULNERABLE])
def test_a_vulnerable_version_cannot_be_installed(name, version, advisories):
    (requirement,) = [requirement for requirement in REQUIREMENTS if requirement.name == name]
    assert Version(version) not in requirement.specifier, advisories


def test_every_requirement_has_a_lower_bound():
    for requirement in REQUIREMENTS:
        assert any(clause.operator == ">=" for clause in requirement.specifier), requirement

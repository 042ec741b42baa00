"""Hosts with ephemeral storage."""

from __future__ import annotations

import pytest

from lib.config.hosting import Host

FILE = "sqlite:///data/antler.db"
CLOUD = {"HOSTNAME": "streamlit", "HOME": "/home/appuser"}


@pytest.mark.parametrize(
    ("folder", "environ"),
    [
        ("/mount/src/antler", {}),
        ("/mount/src/antler/deep/down", {"HOME": "/root"}),
        ("/app", CLOUD),
        ("/app", {**CLOUD, "HOME": "/home/adminuser"}),
    ],
)
def test_files_on_community_cloud_are_ephemeral(folder, environ):
    assert Host(folder, environ).is_ephemeral(FILE)
    assert Host(folder, environ).is_ephemeral("sqlite:////tmp/elsewhere.db")


@pytest.mark.parametrize("url", ["postgresql://db.example/antler", "postgresql+psycopg://u:p@db.example/sqlite"])
def test_database_servers_are_persistent(url):
    assert not Host("/mount/src/antler", CLOUD).is_ephemeral(url)


@pytest.mark.parametrize(
    ("folder", "environ"),
    [
        ("/home/ann/antler", {"HOME": "/home/ann", "HOSTNAME": "laptop"}),
        ("/home/ann/antler", {}),
        ("/mount/srcs/antler", {}),
        ("/data/mount/src/antler", {}),
        ("/app", {"HOME": "/home/appuser", "HOSTNAME": "3f2a"}),  # a common user name in container images
        ("/app", {"HOME": "/home/adminuser"}),
        ("/app", {"HOSTNAME": "streamlit", "HOME": "/root"}),  # a service of that name in a private network
    ],
)
def test_files_on_other_hosts_are_persistent(folder, environ):
    assert not Host(folder, environ).is_ephemeral(FILE)

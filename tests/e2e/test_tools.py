"""Tools made for HAProxy, as their packages have them, work on the status socket. One that is not installed is skipped."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import SLOW

NAGIOS = "/usr/lib/nagios/plugins/check_haproxy_stats"


def check(balancer, *arguments):
    """(exit status, what it says) of the Nagios plugin."""
    result = subprocess.run([NAGIOS, "-s", balancer.socket, *arguments], capture_output=True, text=True, timeout=20 * SLOW)
    assert not result.stderr
    return result.returncode, result.stdout


def ansible(balancer, arguments):
    """What the module of ansible has done, on this machine."""
    result = subprocess.run(
        ["ansible", "localhost", "-o", "-m", "community.general.haproxy", "-a", f"socket={balancer.socket} {arguments}"],
        capture_output=True, text=True, timeout=60 * SLOW, env={"PATH": "/usr/bin:/bin", "HOME": str(balancer.folder),
                                                               "ANSIBLE_LOCALHOST_WARNING": "False", "LC_ALL": "C.UTF-8"})
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout.partition("=>")[2])


@pytest.mark.skipif(not Path(NAGIOS).exists(), reason="nagios-plugins-contrib is not installed")
def test_the_nagios_plugin_tells_what_is_wrong(site):
    balancer = site.start()
    status, text = check(balancer)
    assert status == 0 and "OK" in text, text
    site.backends["aegis-02"].kill()
    balancer.wait_status("aegis-02", "DOWN")
    status, text = check(balancer)
    assert status == 2 and "aegis-02" in text and "aegis-01" not in text, text
    balancer.ask("set server aegis/aegis-02 state maint")
    balancer.wait_status("aegis-02", "MAINT")
    assert check(balancer, "-m")[0] == 0


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("ansible"), reason="ansible is not installed")
def test_ansible_takes_a_server_out_and_brings_it_back(site):
    balancer = site.start()
    ansible(balancer, "state=disabled host=aegis-01 backend=aegis shutdown_sessions=true")
    balancer.wait_status("aegis-01", "MAINT")
    assert {site.get().split()[0] for _ in range(4)} == {"aegis-02"}
    ansible(balancer, "state=enabled host=aegis-01 backend=aegis weight=20 wait=true wait_interval=1")
    balancer.wait_status("aegis-01", "UP")
    assert balancer.ask("get weight aegis/aegis-01").startswith("20 (initial 1)")

"""contrib/lab: a cluster to play with comes up by one command, does what it says, and leaves nothing behind."""

import os
import pathlib
import subprocess

from lab import SLOW, wait_until

LAB = pathlib.Path(__file__).resolve().parents[2] / "contrib" / "lab" / "lab"


def test_the_lab_comes_up_obeys_and_leaves_nothing(tmp_path):
    folder = tmp_path / "lab"
    environment = {**os.environ, "AEGISLB_LAB": str(folder)}

    def lab(*words, status=0):
        done = subprocess.run(["sh", str(LAB), *words], env=environment, capture_output=True, text=True,
                              timeout=60 * SLOW, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "nothing is up" in lab("status", status=1)
    try:
        assert "lab kill lb-0" in lab("up", "2", "1")
        assert "up already" in lab("up", status=1)
        assert lab("curl").split()[:2] == ["aegis-01", "aegisagent.ai"]
        owner = next(line.split()[0] for line in lab("status").splitlines() if "HERE" in line)
        other = {"lb-01": "lb-02", "lb-02": "lb-01"}[owner]
        lab("kill", owner)
        wait_until(lambda: any(line.startswith(other) and "HERE" in line for line in lab("status").splitlines()),
                   what="the other one to have the address")
        lab("start", owner)
        assert "10.10.10.10/24" in subprocess.run(["sh", str(LAB), "sh", "lb-01"], env=environment, input="ip address\n",
                                                  capture_output=True, text=True, timeout=60 * SLOW, check=True).stdout
        assert "lb-01" in lab("ctl", other, "show", "cluster")
        assert "pulled" in lab("cut", "aegis-01") and "cable pulled: aegis-01" in lab("status")
        assert "all is well" in lab("heal")
        assert "there is no balancer lb-77" in lab("kill", "lb-77", status=1)
    finally:
        assert "nothing is left" in lab("down")
    assert not folder.exists()

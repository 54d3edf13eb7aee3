"""Measures how much memory a server needs beyond that of its idle self while it serves receivers
whose replies never end. Called by memory.sh with the program and an empty folder."""

import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

ENDPOINTS = 500
EVENTS_IN_A_ROW = 20
# 20 is the gate; where each receiver is a host of its own nothing holds attempts back, so all of them are
# in flight at once, and a busy machine lets more of them pile up.
ONE_MIB_MAX = {1: 20.0, ENDPOINTS: 28.0}
ROW_MIB_MAX = 150.0
PATIENCE_S = 120
KEY = "0123456789abcdef0123456789abcdef"


def started(arguments, folder, name):
    """Starts the program; gives it and the address that it says it listens on."""
    log = pathlib.Path(folder) / name
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments, cwd=folder, stdout=output, stderr=output,
            env={"FANFARE_ADMIN_KEY": KEY, "HOME": folder},
        )
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"http://([0-9.]+:[0-9]+)", log.read_text())
        if found:
            return process, found.group(1)
        time.sleep(0.02)
    raise SystemExit(f"the {name} did not start: {log.read_text()}")


def asked(address, path, body=None):
    """The text of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{address}{path}", data=data,
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def memory_mib(process, field):
    """A field of the process's status, in MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{field}:\s+([0-9]+) kB", status).group(1)) / 1024


def forget_peak(process):
    """Lets the peak begin anew from what is there now."""
    pathlib.Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def ended(address):
    """How many attempts have ended, whatever they met."""
    page = asked(address, "/metrics")
    return int(re.search(r"^fanfare_attempt_duration_seconds_count ([0-9]+)$", page, re.M).group(1))


def wait_for(address, attempts):
    """Waits until so many attempts have ended."""
    until = time.monotonic() + PATIENCE_S
    while ended(address) < attempts:
        if time.monotonic() > until:
            raise SystemExit(f"only {ended(address)} of {attempts} attempts ended in time")
        time.sleep(0.05)


def url_of(port, hosts, number):
    """Where the receiver is reached as one of so many hosts."""
    host = number % hosts
    return f"http://127.0.{1 + host // 250}.{1 + host % 250}:{port}/{number}"


def measure(program, folder, hosts):
    """What one event and a row of them need, and how much more than may be."""
    receiver, to = started(
        [program, "receive", "--listen", "0.0.0.0:0", "--misbehave", "endless-body"],
        folder, "receiver",
    )
    server, address = started(
        [program, "serve", "--listen", "127.0.0.1:0", "--data-dir", f"{folder}/data-{hosts}",
         "--allow-target", "127.0.0.0/8"],
        folder, "server",
    )
    try:
        asked(address, "/api/v1/app", {"name": "acme", "uid": "acme"})
        port = to.split(":")[1]
        for number in range(ENDPOINTS):
            asked(address, "/api/v1/app/acme/endpoint", {"url": url_of(port, hosts, number)})
        idle = memory_mib(server, "VmRSS")

        def send(count, before):
            forget_peak(server)
            began = time.monotonic()
            for number in range(count):
                asked(address, "/api/v1/app/acme/msg", {"eventType": "a.b", "payload": {}})
            wait_for(address, before + count * ENDPOINTS)
            took = time.monotonic() - began
            return memory_mib(server, "VmHWM") - idle, took

        one, one_took = send(1, 0)
        row, row_took = send(EVENTS_IN_A_ROW, ENDPOINTS)
    finally:
        for process in (server, receiver):
            process.terminate()
        for process in (server, receiver):
            process.wait(timeout=60)
    print(f"hosts: {hosts}; idle: {idle:.1f} MiB with {ENDPOINTS} endpoints")
    print(f"1 event: {one:.1f} MiB more at the peak, {one_took:.2f} s")
    print(f"{EVENTS_IN_A_ROW} events: {row:.1f} MiB more at the peak, {row_took:.2f} s")
    most = ONE_MIB_MAX[hosts]
    if one > most or row > ROW_MIB_MAX:
        raise SystemExit(f"at most {most} and {ROW_MIB_MAX} MiB more are allowed")
    return one, row


def main():
    program, folder = sys.argv[1:]
    one, row = measure(program, folder, 1)
    one_each, row_each = measure(program, folder, ENDPOINTS)
    print(
        f"MiB more at the peak: {one:.1f} for one event and {row:.1f} for {EVENTS_IN_A_ROW} to one "
        f"host, {one_each:.1f} and {row_each:.1f} to {ENDPOINTS} hosts"
    )


main()

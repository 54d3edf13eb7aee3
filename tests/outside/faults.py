"""Drills in which the system under the server runs short, stops or is told to end.

Usage: faults.py NAME PROGRAM FOLDER
"""

import asyncio
import contextlib
import json
import os
import pathlib
import signal
import sys
import time

import drill

# Waits that keep what fails trying until a drill ends.
WAITS = f"retry_waits_seconds = {[1, 2, 3] + [4] * 29}\n"
PATIENCE_S = 120


async def descriptors(program, folder, servers):
    """200 clients and 20 receivers on a server that may have 64 files open."""
    files, clients, each = 64, 200, 1
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(20)}
    server = drill.Server(program, folder, "[engine]\n" + WAITS)
    servers.append(server)
    await server.start(before=("prlimit", f"--nofile={files}:{files}"))
    await drill.fill(drill.Client(server), endpoints)
    producer, opened, unanswered = drill.Producer(server, ["acme"], 1), [], 0

    async def one(number):
        nonlocal unanswered
        # Of so few connections one address has half at most, and is refused more.
        address = f"127.0.0.{2 + number % 40}"
        for event in range(each):
            client = drill.Client(server, address)
            while True:
                try:
                    await asyncio.wait_for(producer.post(client, "acme", {"of": number, "event": event}), PATIENCE_S)
                    break
                except (OSError, EOFError):
                    unanswered += 1
                    await asyncio.sleep(0.2)
            client.close()

    async def watch():
        while True:
            opened.append(len(os.listdir(f"/proc/{server.pid()}/fd")))
            await asyncio.sleep(0.02)

    watching = asyncio.ensure_future(watch())
    begin = time.monotonic()
    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(clients))), 2 * PATIENCE_S)
    answered = time.monotonic() - begin
    watching.cancel()
    took = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    # A client that comes now is served as ever, and all receivers are reached at the first attempt.
    before = sum(len(host.sent_at) for host in farm.receivers)
    drill.must(await producer.post(drill.Client(server), "acme", {}), "a client that comes afterwards is refused")
    await drill.all_delivered(producer, endpoints, PATIENCE_S)
    again = sum(len(host.sent_at) for host in farm.receivers) - before
    repeated = sum(host.repeated for host in farm.receivers)
    attempts = before - repeated
    print(f"open files at most {max(opened)} of {files}; connections that broke off {unanswered}, refused {producer.refused}; "
          f"{before} attempts for {clients * 20} deliveries, {again} for 20 afterwards")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {took:.1f} s after the last client, who was answered "
          f"after {answered:.1f} s")
    drill.must(max(opened) > files / 2, "few files were open")
    drill.must(unanswered == 0, "connections were closed before their requests were answered")
    drill.must(not producer.refused, "clients were refused")
    drill.must(attempts == clients * 20 and again == 20, "attempts failed for want of files")
    await server.stop()


async def stuck(program, folder, servers):
    """SIGTERM while 500 receivers hold an attempt each and answer nothing."""
    count = 500
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(count)}
    server = drill.Server(program, folder, "[engine]\n" + WAITS)
    servers.append(server)
    await server.start()
    client = drill.Client(server)
    await drill.fill(client, endpoints)
    for host in farm.receivers:
        await host.turn("silent")
    producer = drill.Producer(server, ["acme"], 1)
    drill.must(await producer.post(client, "acme", {}), "it was not accepted")
    until = time.monotonic() + PATIENCE_S
    while sum(len(host.sent_at) > 0 for host in farm.receivers) < count:
        drill.must(time.monotonic() < until, "not all receivers were tried")
        await asyncio.sleep(0.05)
    begin = time.monotonic()
    await server.stop(35)
    took = time.monotonic() - begin
    for host in farm.receivers:
        await host.turn("well")
    await server.start()
    resumed = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    print(f"ended in order {took:.1f} s after SIGTERM with {count} attempts in flight")
    print(f"acknowledged {len(producer.acknowledged)}, all {count} deliveries made {resumed:.1f} s after the next start")
    await server.stop()


async def stopped(program, folder, servers):
    """The process stands still for 15 s while receivers fail and others hold attempts."""
    still_s = 15
    farm = drill.Farm()
    well, failing, silent = await farm.grow(3), await farm.grow(3), await farm.grow(3)
    endpoints = {"acme": well + failing + silent}
    settings = "attempt_timeout_ms = 1500\ncircuit_attempts_min = 3\ncircuit_pause_seconds = 2\ncircuit_pause_max_seconds = 8\n"
    server = drill.Server(program, folder, "[engine]\n" + WAITS + settings)
    servers.append(server)
    await server.start()
    client = drill.Client(server)
    await drill.fill(client, endpoints)
    for host in failing:
        await host.turn("fails")
    for host in silent:
        await host.turn("silent")
    producer = drill.Producer(server, ["acme"], 1)
    work = asyncio.ensure_future(producer.work())
    await asyncio.sleep(12)
    producer.stopped = True
    await work
    held = drill.missing(producer, endpoints)
    server.signal(signal.SIGSTOP)
    await asyncio.sleep(still_s)
    begin = time.monotonic()
    server.signal(signal.SIGCONT)
    await asyncio.sleep(5)
    burst = [sum(at >= begin for at in host.sent_at) for host in failing + silent]
    for host in failing + silent:
        await host.turn("well")
    producer.stopped = False
    work = asyncio.ensure_future(producer.work())
    await asyncio.sleep(5)
    producer.stopped = True
    await work
    took = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    print(f"{held} deliveries waited when it stood still for {still_s} s; in 5 s after it at most {max(burst)} attempts to one receiver")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {took:.1f} s after the last event, "
          f"{sum(host.repeated for host in farm.receivers)} received twice")
    drill.must(held >= 6 * 8, "nothing waited")
    # One attempt finds out, and perhaps another one after a pause.
    drill.must(max(burst) <= 4, "what fell due meanwhile came at once")
    await server.stop()


async def slow_disk(program, folder, servers, library):
    """Each sync takes half a second more for a while; clients send more than that can take."""
    slow_s, clients, size = 12, 120, 200_000
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(2)}
    slow = pathlib.Path(folder) / "slow"
    server = drill.Server(program, folder, "[engine]\n" + WAITS)
    servers.append(server)
    await server.start(environment={"LD_PRELOAD": str(library), "SLOW_SYNC": str(slow)})
    ids = await drill.fill(drill.Client(server), endpoints)
    producer, waits = drill.Producer(server, ["acme"], 1), {"before": [], "slow": [], "after": []}
    small, resends = [], []

    async def one(phase, until):
        client = drill.Client(server)
        while time.monotonic() < until:
            begin = time.monotonic()
            if await producer.post(client, "acme", {}):
                waits[phase].append(time.monotonic() - begin)
            await asyncio.sleep(0.05)
        client.close()

    async def large(number, until):
        client = drill.Client(server)
        while time.monotonic() < until:
            small.append(await producer.post(client, "acme", {"of": number, "text": "x" * size}))
            if not small[-1]:
                await asyncio.sleep(0.2)
        client.close()

    async def resend(until):
        client = drill.Client(server)
        path = f"/api/v1/app/acme/msg/{next(iter(producer.acknowledged))}/endpoint/{ids[farm.receivers[0]]}/resend"
        while time.monotonic() < until:
            status, fields, answer = await client.ask("POST", path, {})
            drill.must(status in (202, 503), f"a resend was answered with {status}: {answer!r}")
            drill.must(status == 202 or "retry-after" in fields, "503 without Retry-After")
            resends.append(status == 202)
            client.close()
            await asyncio.sleep(0.1)

    async def phase(name, seconds, *more):
        until = time.monotonic() + seconds
        await asyncio.gather(*(one(name, until) for _ in range(5)), *(task(until) for task in more))

    await phase("before", 5)
    slow.write_text("500")
    await phase("slow", slow_s, *[resend] * 20, *(
        lambda until, number=number: large(number, until) for number in range(clients)))
    slow_memory = server.memory_mib()
    slow.unlink()
    await asyncio.sleep(2)
    await phase("after", 5)
    took = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    for name, values in waits.items():
        print(f"{name}: {len(values)} small events, half of them acknowledged within {drill.quantile(values, 50) * 1000:.1f} ms")
    print(f"while it was slow: of {len(small)} large events {small.count(False)} shed, of {len(resends)} resends {resends.count(False)}; "
          f"memory at most {slow_memory:.0f} MiB")
    print(f"acknowledged {len(producer.acknowledged)}, refused {producer.refused}, all delivered {took:.1f} s after the last event, "
          f"{sum(host.repeated for host in farm.receivers)} received twice")
    drill.must(drill.quantile(waits["slow"], 50) > 1, "the disk was not slow")
    drill.must(small.count(False) > 0, "nothing was shed")
    drill.must(resends.count(False) > 0, "no resend was shed")
    drill.must(drill.quantile(waits["after"], 50) < 0.5, "it stays slow")
    await server.stop()


async def flood(server, seconds, clients=60, size=200_000):
    """Clients that send large events to `acme` as fast as these are taken, until the time is over or the server is gone."""
    producer, until = drill.Producer(server, ["acme"], 1), time.monotonic() + seconds
    body = json.dumps({"eventType": "drill.event", "payload": {"text": "x" * size}}).encode()

    async def send():
        client = drill.Client(server)
        while time.monotonic() < until and server.process.returncode is None:
            try:
                if not await producer.post_body(client, "acme", body):
                    await asyncio.sleep(0.05)
            except (OSError, EOFError):
                await asyncio.sleep(0.05)
        client.close()

    await asyncio.gather(*(send() for _ in range(clients)))
    # Where it ended by itself that shows within a moment.
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.process.wait(), 0.5)
    return producer


async def memory_limit(program, folder, servers):
    """A server that may have 48 MiB more than it begins with is sent large events for receivers that are silent."""
    more_mib, hosts = 48, 3
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(hosts)}
    settings = "attempt_timeout_ms = 1500\ncircuit_breaker = false\n"
    server = drill.Server(program, folder, "[engine]\n" + WAITS + settings)
    servers.append(server)
    await server.start()
    await drill.fill(drill.Client(server), endpoints)
    limit = int((server.memory_mib("VmData") + more_mib) * 1024 * 1024)
    await server.stop()
    for host in farm.receivers:
        await host.turn("silent")
    await server.start(before=("prlimit", f"--data={limit}:{limit}"))
    producer = await flood(server, 8)
    code = server.process.returncode
    if code is None:
        await server.stop()
    told = "it lived" if code is None else f"it ended by itself with {code}"
    for host in farm.receivers:
        await host.turn("well")
    await server.start()
    took = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    print(f"with {limit // 1024 // 1024} MiB: {told}, refused {producer.refused}")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {took:.1f} s after the next start")
    drill.must(len(producer.acknowledged) > 0, "nothing was tested")
    await server.stop()


async def memory_group(program, folder, servers, group, must):
    """A server in a memory cgroup is sent large events for receivers that are silent, while the replies of 500 never end."""
    group, endless = pathlib.Path(group), 500
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(3)}
    receiver = drill.Server(program, pathlib.Path(folder) / "receiver")
    servers.append(receiver)
    await receiver.start_as("receive", "--listen", "0.0.0.0:0", "--misbehave", "endless-body")
    server = drill.Server(program, folder, "[engine]\n" + WAITS + "attempt_timeout_ms = 1500\ncircuit_breaker = false\n")
    servers.append(server)
    within = ("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group))
    await server.start(before=within)
    client = drill.Client(server)
    await drill.fill(client, endpoints)
    await client.made("/api/v1/app", {"name": "endless", "uid": "endless"})
    for number in range(endless):
        host = f"127.200.{number // 250}.{1 + number % 250}"
        await client.made("/api/v1/app/endless/endpoint", {"url": f"http://{host}:{receiver.address[1]}/"})
    for host in farm.receivers:
        await host.turn("silent")
    others = drill.Producer(server, ["endless"], 5)

    async def beside():
        with contextlib.suppress(OSError, EOFError):
            while True:
                await others.post(client, "endless", {})
                await asyncio.sleep(0.2)

    endlessly = asyncio.ensure_future(beside())
    producer = await flood(server, 4)
    endlessly.cancel()
    peak = next(group / name for name in ("memory.max_usage_in_bytes", "memory.peak") if (group / name).exists())
    used_mib = int(peak.read_text()) // 1024 // 1024
    lived = server.process.returncode is None
    if lived:
        await server.stop()
    for host in farm.receivers:
        await host.turn("well")
    await server.start(before=within)
    took = await drill.all_delivered(producer, endpoints, 2 * PATIENCE_S)
    print(f"{'it lived' if lived else 'it was ended'}; the group used {used_mib} MiB at most, files in memory included; "
          f"refused {producer.refused}, to endless replies {len(others.acknowledged)} events")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {took:.1f} s after the next start")
    drill.must(len(producer.acknowledged) > 0, "nothing was tested")
    drill.must(len(others.acknowledged) > 0, "no reply was endless")
    drill.must(lived or must != "lives", "it did not live with the memory that it is said to need")
    await server.stop()


class Names(asyncio.DatagramProtocol):
    """A name server: `hN.drill.example` is the address of the receiver with that number; silent if told."""

    def __init__(self, farm):
        self.farm, self.is_silent, self.questions, self.transport = farm, True, 0, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.questions += 1
        if self.is_silent:
            return
        end = data.index(b"\0", 12) + 5
        number = int(data[14:13 + data[12]])
        is_address = data[end - 4:end - 2] == b"\0\1"
        host = bytes(map(int, self.farm.receivers[number].host.split(".")))
        record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + host if is_address else b""
        head = data[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_address else b"\0\0") + b"\0\0\0\0"
        self.transport.sendto(head + data[12:end] + record, address)


async def names(program, folder, servers):
    """The name server is silent for a while, and comes back; half of the receivers are reached by address."""
    silent_s, count = 15, 40
    farm = drill.Farm()
    await farm.grow(count)
    by_name, by_address = farm.receivers[::2], farm.receivers[1::2]
    stub = Names(farm)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: stub, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    server = drill.Server(program, folder, "[engine]\n" + WAITS + "circuit_breaker = false\n")
    servers.append(server)
    await server.start(arguments=("--name-server", f"127.0.0.1:{port}"))
    client, endpoints = drill.Client(server), {"acme": farm.receivers}
    await client.made("/api/v1/app", {"name": "acme", "uid": "acme"})
    for host in farm.receivers:
        url = f"http://h{host.number}.drill.example:{host.port}/" if host in by_name else host.url
        await client.made("/api/v1/app/acme/endpoint", {"url": url})
    producer, threads = drill.Producer(server, ["acme"], 2), server.count("Threads")
    work = asyncio.ensure_future(producer.work())
    await asyncio.sleep(silent_s)
    threads_then, reached = server.count("Threads"), sum(len(host.received) for host in by_name)
    stub.is_silent = False
    await asyncio.sleep(3)
    producer.stopped = True
    await work
    took = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    waits = [host.received[message] - at for message, (_, at) in producer.acknowledged.items() for host in by_address]
    print(f"silent for {silent_s} s, {stub.questions} questions came, threads {threads} before and {threads_then} then; "
          f"receivers by address waited {drill.quantile(waits, 99) * 1000:.0f} ms at p99")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {took:.1f} s after the last event")
    drill.must(reached == 0, "names were resolved without a name server")
    drill.must(drill.quantile(waits, 99) < 3, "those that need no name wait")
    drill.must(threads_then <= threads + 8, "threads pile up")
    transport.close()
    await server.stop()


DRILLS = {drill.__name__: drill for drill in (descriptors, memory_group, memory_limit, names, slow_disk, stopped, stuck)}
drill.run(DRILLS[sys.argv[1]], *sys.argv[2:])

"""Drills in which more comes than can be taken, or far more for one tenant than for another.

Usage: overload.py NAME PROGRAM FOLDER
"""

import asyncio
import datetime
import json
import pathlib
import sys
import time

import drill

PATIENCE_S = 240


async def overload(program, folder, servers, lasts_s, library="", clients=200, size=240_000, memory_mib_max=512):
    """Two hundred clients send large events to one tenant as fast as they are answered; all the while others ask
    at a steady pace for a resend, for a recovery and with a small event, one after the other: so all three find
    the server as full as each other. With a library each sync of the disk takes half a second more."""
    lasts_s, environment = float(lasts_s), {}
    if library:
        slow = pathlib.Path(folder) / "slow"
        slow.write_text("500")
        environment = {"LD_PRELOAD": library, "SLOW_SYNC": str(slow)}
    farm = drill.Farm()
    endpoints = {"acme": await farm.grow(1)}
    server = drill.Server(program, folder)
    servers.append(server)
    await server.start(environment=environment)
    client = drill.Client(server)
    ids = await drill.fill(client, endpoints)
    endpoint = ids[farm.receivers[0]]
    producer = drill.Producer(server, ["acme"], 1)
    await producer.post(client, "acme", {})
    resend = f"/api/v1/app/acme/msg/{next(iter(producer.acknowledged))}/endpoint/{endpoint}/resend"
    recover = f"/api/v1/app/acme/endpoint/{endpoint}/recover"
    body = json.dumps({"eventType": "drill.event", "payload": {"text": "x" * size}}).encode()
    # Of each kind whether it was taken, in the order of the answers.
    large, small, resends, recoveries = [], [], [], []
    until = time.monotonic() + lasts_s

    async def send():
        client = drill.Client(server)
        while time.monotonic() < until:
            large.append(await producer.post_body(client, "acme", body))

    async def again(client, path, body, answers):
        status, fields, answer = await client.ask("POST", path, body)
        drill.must(status in (202, 503), f"{path} was answered with {status}: {answer!r}")
        drill.must(status == 202 or "retry-after" in fields, f"{path}: 503 without Retry-After")
        answers.append(status == 202)

    async def probe():
        client = drill.Client(server)
        turn = 0
        while time.monotonic() < until:
            turn += 1
            await again(client, resend, {}, resends)
            small.append(await producer.post(client, "acme", {"of": turn}))
            # Recoveries are few, since each of them is work that waits for the ones before it.
            if turn % 20 == 0:
                since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
                await again(client, recover, {"since": since.isoformat()}, recoveries)
            await asyncio.sleep(0.02)
        client.close()

    begin = time.monotonic()
    await asyncio.gather(*(send() for _ in range(clients)), *(probe() for _ in range(10)))
    took = time.monotonic() - begin
    memory = server.memory_mib()
    late = await drill.all_delivered(producer, endpoints, PATIENCE_S)
    print(f"for {took:.0f} s {len(large) / took:.0f} events of {size // 1000} kB came a second, {large.count(True) / took:.0f} were "
          f"taken, {large.count(False) / took:.0f} shed with Retry-After")
    shares = {}
    for name, answers in (("resends", resends), ("small events beside them", small), ("recoveries", recoveries)):
        shares[name] = answers.count(False) / max(1, len(answers))
        print(f"of {len(answers)} {name} {100 * shares[name]:.0f} per cent shed")
    print(f"memory at most {memory:.0f} MiB")
    print(f"acknowledged {len(producer.acknowledged)}, all delivered {late:.1f} s after the last event")
    drill.must(large.count(False) > 0, "nothing was shed: it was not too much")
    drill.must(resends.count(False) > 0, "no resend was shed")
    drill.must(recoveries.count(False) > 0, "no recovery was shed")
    # What was asked for in the same moments: what can wait is refused first, or with the events. A tenth of it is
    # left to chance.
    new = shares["small events beside them"]
    drill.must(shares["resends"] >= 0.9 * new, "events are shed before resends")
    drill.must(shares["recoveries"] >= 0.9 * new, "events are shed before recoveries")
    drill.must(memory <= memory_mib_max, f"more than {memory_mib_max} MiB")
    await server.stop()


async def neighbours(program, folder, servers, many=100_000, clients=50, wait_s_max=3.0):
    """One tenant has a hundred thousand events that wait, another one ten now and then."""
    farm = drill.Farm()
    endpoints = {"large": await farm.grow(4), "small": await farm.grow(1)}
    server = drill.Server(program, folder)
    servers.append(server)
    await server.start()
    await drill.fill(drill.Client(server), endpoints)
    large, small = drill.Producer(server, ["large"], 1), drill.Producer(server, ["small"], 1)
    for host in endpoints["large"]:
        host.takes_s = 0.05
    left = many

    async def send():
        nonlocal left
        client = drill.Client(server)
        while left > 0:
            left -= 1
            while not await large.post(client, "large", {}):
                await asyncio.sleep(0.1)
        client.close()

    async def ten():
        """How long the slowest of ten takes."""
        client = drill.Client(server)
        begin = time.monotonic()
        for _ in range(10):
            drill.must(await small.post(client, "small", {}), "the small tenant is refused")
        await drill.all_delivered(small, {"small": endpoints["small"]}, PATIENCE_S)
        client.close()
        host = endpoints["small"][0]
        return max(host.received[message] for message in list(small.acknowledged)[-10:]) - begin

    alone = [await ten() for _ in range(5)]
    work = asyncio.gather(*(send() for _ in range(clients)))
    beside = []
    while not work.done():
        beside.append(await ten())
        await asyncio.sleep(0.5)
    await work
    waiting = drill.missing(large, endpoints)
    for _ in range(10):
        beside.append(await ten())
        await asyncio.sleep(0.5)
    print(f"ten events of the small tenant, until the last one is delivered: alone at most {max(alone) * 1000:.0f} ms; "
          f"beside {waiting} deliveries that wait half within {drill.quantile(beside, 50) * 1000:.0f} ms, at most {max(beside) * 1000:.0f} ms")
    for host in endpoints["large"]:
        host.takes_s = 0
    late = await drill.all_delivered(large, endpoints, PATIENCE_S)
    print(f"acknowledged {len(large.acknowledged) + len(small.acknowledged)}, all delivered {late:.1f} s after the last event")
    drill.must(waiting > many, "nothing waited")
    drill.must(max(beside) <= wait_s_max, "the small tenant waits")
    await server.stop()


DRILLS = {drill.__name__: drill for drill in (overload, neighbours)}
drill.run(DRILLS[sys.argv[1]], *sys.argv[2:])

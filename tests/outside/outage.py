"""Most receivers are down for a while, in three ways, and all come back at once.

Usage: outage.py PROGRAM FOLDER HOSTS DOWN_S
Each receiver gets an attempt every two seconds when all is well. In recovery the engine lets twice the usual rate go
out, and once a second at least, which here is the same; so what is measured needs no minutes in which the
usual rate is learned.
"""

import asyncio
import sys
import time

import drill

APPLICATIONS = 5
PERIOD_S = 2.0
BEFORE_S = 20
PAUSE_S, PAUSE_S_MAX = 1, 5
SETTINGS = f"""
[engine]
attempt_timeout_ms = 1500
retry_waits_seconds = [1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
circuit_attempts_min = 3
circuit_window_seconds = 10
circuit_pause_seconds = {PAUSE_S}
circuit_pause_max_seconds = {PAUSE_S_MAX}
"""
# Each longest pause is spread by a fifth, and probes and the receivers' own start come behind it.
BACK_S = 3 * PAUSE_S_MAX
SHARE_MIN = 0.8
# Sends to one host in ten seconds: twice what is usual, the attempts that find out, and the edges.
SPAN_S = 10
PEAK_MAX = 2 * SPAN_S / PERIOD_S + 4
WAIT_S_MAX = 3.0


async def outage(program, folder, servers, hosts, down_s):
    """The drill."""
    farm = drill.Farm()
    await farm.grow(hosts)
    # Of five hosts one stays well.
    kinds = ["well", "refuses", "silent", "fails", "refuses"]
    kind_of = {host: kinds[host.number // APPLICATIONS % len(kinds)] for host in farm.receivers}
    server = drill.Server(program, folder, SETTINGS)
    servers.append(server)
    await server.start()
    client = drill.Client(server)
    endpoints = {f"tenant-{number}": farm.receivers[number::APPLICATIONS] for number in range(APPLICATIONS)}
    await drill.fill(client, endpoints)
    producer = drill.Producer(server, list(endpoints), APPLICATIONS / PERIOD_S)
    work = asyncio.ensure_future(producer.work())

    await asyncio.sleep(5)
    begin = time.monotonic()
    await asyncio.sleep(BEFORE_S)
    down = time.monotonic()
    for host in farm.receivers:
        await host.turn(kind_of[host])
    await asyncio.sleep(down_s)
    circuits = await client.metric("fanfare_circuits_open")
    up = time.monotonic()
    for host in farm.receivers:
        await host.turn("well")
    await asyncio.sleep(BACK_S + SPAN_S)
    measured = time.monotonic()
    # The backlog, at the rate beyond what comes in, and as much again.
    await asyncio.sleep(down_s + PAUSE_S_MAX)
    producer.stopped = True
    await work
    took = await drill.all_delivered(producer, endpoints, 2 * down_s + 60)
    judge(farm, kind_of, producer, endpoints, (begin, down, up, measured, circuits))
    print(f"acknowledged {len(producer.acknowledged)}, all delivered to {hosts} hosts, "
          f"{sum(host.repeated for host in farm.receivers)} received twice, the last {took:.1f} s after the last event")
    await server.stop()


def judge(farm, kind_of, producer, endpoints, moments):
    """Prints what was measured, and compares it."""
    begin, down, up, measured, circuits = moments
    before = farm.delivered(begin, down) / (down - begin)
    fallen = farm.delivered(down, up) / (up - down)
    back = farm.delivered(up + BACK_S, measured) / (measured - up - BACK_S)
    failing = [host for host in farm.receivers if kind_of[host] != "well"]
    peaks = [drill.most_within([at for at in host.sent_at if at >= up], SPAN_S) for host in failing]
    usual = [drill.most_within([at for at in host.sent_at if begin <= at < down], SPAN_S) for host in failing]
    at_once = drill.most_within(sorted(at for host in failing for at in host.sent_at if at >= up), 1)
    waits = {"before": [], "during": []}
    for message, (application, at) in producer.acknowledged.items():
        for host in endpoints[application]:
            if kind_of[host] == "well":
                waits["before" if at < down else "during"].append(host.received[message] - at)
    print(f"goodput before {before:.1f}/s, while {len(failing)} of {len(farm.receivers)} hosts were down "
          f"{fallen:.1f}/s ({circuits:.0f} circuits open), from {BACK_S} s after their return on {back:.1f}/s")
    print(f"sends to one host in {SPAN_S} s: before at most {max(usual)}, from the return on at most {max(peaks)}; "
          f"to all that return within one second {at_once}, usually {len(failing) / PERIOD_S:.0f}")
    print(f"healthy hosts' wait, p99: before {drill.quantile(waits['before'], 99) * 1000:.0f} ms, from the "
          f"outage on {drill.quantile(waits['during'], 99) * 1000:.0f} ms")
    drill.must(fallen < before / 2, "the outage does not show")
    drill.must(back >= SHARE_MIN * before, f"goodput is not {SHARE_MIN} of before")
    drill.must(max(peaks) <= PEAK_MAX, f"more than {PEAK_MAX:.0f} sends to one host in {SPAN_S} s")
    drill.must(drill.quantile(waits["during"], 99) <= WAIT_S_MAX, "healthy hosts' first attempts wait")


drill.run(outage, sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

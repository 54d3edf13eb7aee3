"""What slow clients cost ordinary ones.

One process holds 4,000 connections from 16 addresses of loopback, each of which drips a head, a byte a
second, and begins anew when it is closed. Others post messages at a fixed rate from an address of their
own, each over a new connection, and time each from its first byte to the end of its answer. Rounds
without and with slow clients take turns, so that both see the same machine; medians are compared.

Usage: slow_clients.py HOST PORT KEY
"""

import multiprocessing
import selectors
import socket
import statistics
import sys
import time

SLOW = 4_000
ADDRESSES = 16
ROUNDS = 3
ROUND_S = 15
WORKERS = 2
RATE_PER_WORKER = 50
RATIO_MAX = 2.0

HEAD = b"POST /api/v1/app/acme/msg HTTP/1.1\r\nhost: h\r\nx: "


def opened(target, number, selector):
    """A connection that is about to be there."""
    client = socket.socket()
    client.setblocking(False)
    client.bind((f"127.0.0.{1 + number % ADDRESSES}", 0))
    client.connect_ex(target)
    # Each drips at its own moment of the second.
    selector.register(client, selectors.EVENT_READ, [number, 0])
    return client


def drip(target, ready, stop, closed):
    """Holds the slow connections until it is told to stop; counts those that were closed on it."""
    selector = selectors.DefaultSelector()
    clients = {}
    for number in range(SLOW):
        clients[number] = opened(target, number, selector)
        if number % 100 == 0:
            time.sleep(0.02)
    begin = time.monotonic()
    tick = 0
    told = False
    while not stop.is_set():
        part = range(tick % 50, SLOW, 50)
        for number in part:
            client = clients[number]
            state = selector.get_key(client).data
            piece = HEAD[state[1] : state[1] + 1] or b"a"
            try:
                client.send(piece)
                state[1] += 1
            except OSError:
                pass
        for key, _ in selector.select(0):
            number = key.data[0]
            try:
                if key.fileobj.recv(4096):
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            closed.value += 1
            selector.unregister(key.fileobj)
            key.fileobj.close()
            clients[number] = opened(target, number, selector)
        tick += 1
        if tick == 50 and not told:
            ready.set()
            told = True
        wait = begin + tick / 50 - time.monotonic()
        if wait > 0:
            time.sleep(wait)
    for client in clients.values():
        client.close()


def post(target, key, path, body):
    """One message over a connection of its own; how long it took in seconds, and its status."""
    request = (
        f"POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()
    begin = time.monotonic()
    with socket.create_connection(target, 30, ("127.0.0.200", 0)) as client:
        client.sendall(request)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return time.monotonic() - begin, int(answer.split(b" ", 2)[1])


def measure(target, key, first, results):
    """Posts at a fixed rate for one round."""
    times = []
    begin = time.monotonic()
    for number in range(ROUND_S * RATE_PER_WORKER):
        wait = begin + (number + first) / RATE_PER_WORKER - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        took, status = post(target, key, "/api/v1/app/acme/msg", '{"eventType":"t","payload":{}}')
        if status != 202:
            raise SystemExit(f"an ordinary client heard {status}")
        times.append(took * 1_000)
    results.put(times)


def a_round(target, key):
    """The times of all ordinary requests of one round, in milliseconds."""
    results = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=measure, args=(target, key, index / WORKERS, results))
        for index in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    times = sorted(time for _ in workers for time in results.get(timeout=ROUND_S + 60))
    for worker in workers:
        worker.join()
    return times


def shown(name, times):
    """The quantiles of a round."""
    p50, p99 = (times[int(len(times) * part)] for part in (0.50, 0.99))
    print(f"{name}: {len(times)} requests, p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {times[-1]:.2f} ms", flush=True)
    return p99


def main():
    target, key = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
    took, status = post(target, key, "/api/v1/app", '{"name":"n","uid":"acme"}')
    assert status == 201, status
    without, under = [], []
    for number in range(1, ROUNDS + 1):
        without.append(shown(f"round {number} without", a_round(target, key)))
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        closed = multiprocessing.Value("i", 0)
        attack = multiprocessing.Process(target=drip, args=(target, ready, stop, closed))
        attack.start()
        if not ready.wait(60):
            raise SystemExit("the slow clients do not come")
        under.append(shown(f"round {number} with {SLOW} slow clients", a_round(target, key)))
        stop.set()
        attack.join()
        print(f"round {number}: {closed.value} slow connections were closed", flush=True)
        if closed.value < SLOW:
            raise SystemExit("slow heads are not closed in time")
    ratio = statistics.median(under) / statistics.median(without)
    print(f"p99 with slow clients against without: {ratio:.2f} (at most {RATIO_MAX})")
    sys.exit(ratio > RATIO_MAX)


if __name__ == "__main__":
    main()

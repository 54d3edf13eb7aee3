"""What the drills share: a server, a farm of receivers each on a host of its own, clients, and what both
of them know at the end. All of a drill runs in one asyncio loop, on loopback alone.

The oracle is the same in every drill: what was answered with 202 is received with 2xx by every endpoint
it is for.
"""

import asyncio
import json
import os
import pathlib
import re
import resource
import signal
import socket
import sys
import time

KEY = "0123456789abcdef0123456789abcdef"
START_S_MAX = 60


class Fault(Exception):
    """Something that must hold does not."""


def must(holds, told):
    """Ends the drill with what is told unless it holds."""
    if not holds:
        raise Fault(told)


def many_files():
    """Lets this process and its children have as many files open as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def quantile(values, percent):
    """The value that so many of a hundred do not exceed, by the nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def most_within(times, span_s):
    """The most of some times, in order, that lie within one span."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - span_s:
            first += 1
        most = max(most, last - first + 1)
    return most


class Server:
    """The binary as a child process on a folder, over restarts."""

    def __init__(self, program, folder, settings=""):
        self.program, self.folder = program, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "messages"
        (self.folder / "fanfare.toml").write_text(settings)
        self.process, self.address = None, None

    async def start(self, before=(), environment=None, arguments=()):
        """Starts it, behind a command if one is given, and waits until it listens."""
        await self.start_as(
            "serve", "--listen", "127.0.0.1:0", "--allow-target", "127.0.0.0/8", "--data-dir", self.folder / "data",
            "--config", self.folder / "fanfare.toml", "--log-format", "json", *arguments,
            before=before, environment=environment,
        )

    async def start_as(self, *arguments, before=(), environment=None):
        """Starts the program with these words, and waits until it listens. Settings of the engine in this process's
        environment win, so a drill can be seen under others."""
        engine = {name: value for name, value in os.environ.items() if name.startswith("FANFARE_ENGINE_")}
        with self.log.open("ab") as output:
            begin = output.tell()
            self.process = await asyncio.create_subprocess_exec(
                *before, self.program, *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env={"FANFARE_ADMIN_KEY": KEY, "HOME": str(self.folder), "PATH": os.environ["PATH"],
                     **engine, **(environment or {})},
            )
        until = time.monotonic() + START_S_MAX
        while time.monotonic() < until and self.process.returncode is None:
            told = self.log.read_bytes()[begin:].decode()
            found = re.search(r"http://([0-9.]+):([0-9]+)", told)
            if found:
                self.address = found.group(1), int(found.group(2))
                return
            await asyncio.sleep(0.02)
        raise Fault(f"the server did not start: {self.told()}")

    def told(self):
        """The last lines it wrote."""
        return self.log.read_text()[-2000:]

    def pid(self):
        """The process, where a command that runs it became it."""
        return self.process.pid

    def signal(self, which):
        """Sends a signal."""
        os.kill(self.pid(), which)

    def count(self, field):
        """A number of the process's status."""
        status = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(rf"{field}:\s+([0-9]+)", status).group(1))

    def memory_mib(self, field="VmHWM"):
        """A size of the process's status, in MiB."""
        return self.count(field) / 1024

    async def ended(self, most_s):
        """Waits for its end; its exit code."""
        try:
            return await asyncio.wait_for(self.process.wait(), most_s)
        except asyncio.TimeoutError:
            raise Fault(f"the server did not end within {most_s} s: {self.told()}") from None

    async def stop(self, most_s=35):
        """Ends it in order."""
        self.signal(signal.SIGTERM)
        code = await self.ended(most_s)
        must(code == 0, f"SIGTERM ended it with {code}: {self.told()}")

    def kill(self):
        """Ends it whatever state it is in."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()


class Client:
    """One connection to the API, opened again where it was closed; from an address of loopback."""

    def __init__(self, server, address="127.0.0.1"):
        self.server, self.address, self.streams, self.at = server, address, None, None
        self.used_at = 0

    async def ask(self, method, path, body=None, headers=""):
        """Status, fields and body of an answer; raises OSError or EOFError where none comes."""
        # The server closes a connection that nobody used for a minute.
        if time.monotonic() - self.used_at > 30:
            self.close()
        self.used_at = time.monotonic()
        try:
            if self.streams is None or self.at != self.server.address:
                self.at = self.server.address
                self.streams = await asyncio.open_connection(*self.at, local_addr=(self.address, 0))
            return await self._exchange(method, path, body, headers)
        except BaseException:
            self.close()
            raise

    async def _exchange(self, method, path, body, headers):
        reader, writer = self.streams
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{method} {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n{headers}"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        return int(head[0].split(" ")[1]), fields, body

    async def made(self, path, body):
        """Makes something; its id."""
        status, _, answer = await self.ask("POST", path, body)
        must(status == 201, f"POST {path}: {status} {answer!r}")
        return json.loads(answer)["id"]

    async def metric(self, name):
        """A number of the page of metrics."""
        _, _, page = await self.ask("GET", "/metrics")
        return float(re.search(rf"^{re.escape(name)} (\S+)$", page.decode(), re.M).group(1))

    def close(self):
        """Lets the connection go."""
        if self.streams is not None:
            self.streams[1].transport.abort()
        self.streams = None


class Receiver:
    """One host: a listener on an address of its own, what it was sent and when, and how it behaves:
    `well` answers 200, `fails` 503, `silent` nothing, `refuses` has no listener."""

    def __init__(self, farm, number):
        self.farm, self.number = farm, number
        self.host = f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"
        self.behaviour, self.takes_s = "well", 0
        self.socket, self.server, self.port = None, None, 0
        self.open = set()
        self.sent_at = []
        self.received = {}
        self.repeated = 0

    @property
    def url(self):
        """Where it is."""
        return f"http://{self.host}:{self.port}/"

    async def listen(self):
        """Takes connections, on the same port each time."""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.host, self.port))
        self.port = self.socket.getsockname()[1]
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Exchange(self), sock=self.socket, backlog=128)

    async def turn(self, behaviour):
        """Behaves so from now on; connections of before are broken off."""
        if self.behaviour == "refuses" and behaviour != "refuses":
            await self.listen()
        self.behaviour = behaviour
        if behaviour == "refuses":
            self.server.close()
        for transport in list(self.open):
            transport.abort()

    def take(self, message):
        """Notes a request; the status to answer, `None` for none."""
        now = time.monotonic()
        self.sent_at.append(now)
        if self.behaviour == "silent":
            return None
        if self.behaviour == "fails":
            return 503
        if message in self.received:
            self.repeated += 1
        else:
            self.received[message] = now
            self.farm.delivered_at.append(now)
        return 200


class Exchange(asyncio.Protocol):
    """The receiver's end of a connection."""

    def __init__(self, receiver):
        self.receiver, self.buffer, self.transport = receiver, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self.receiver.open.add(transport)

    def connection_lost(self, _):
        self.receiver.open.discard(self.transport)

    def data_received(self, data):
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            lower = head.lower()
            length = int(lower.split(b"\r\ncontent-length: ", 1)[1].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            at = lower.index(b"\r\nwebhook-id: ") + 14
            status = self.receiver.take(head[at:].split(b"\r\n", 1)[0].decode())
            if status is None:
                continue
            answer = b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status
            if self.receiver.takes_s:
                asyncio.get_running_loop().call_later(self.receiver.takes_s, self.transport.write, answer)
            else:
                self.transport.write(answer)


class Farm:
    """All receivers."""

    def __init__(self):
        self.receivers = []
        self.delivered_at = []

    async def grow(self, count):
        """Adds hosts that are well; gives them."""
        new = [Receiver(self, len(self.receivers) + number) for number in range(count)]
        for receiver in new:
            await receiver.listen()
        self.receivers += new
        return new

    def delivered(self, begin, end):
        """How many deliveries succeeded in a span."""
        return sum(begin <= at < end for at in self.delivered_at)


class Producer:
    """Sends events to applications at a fixed rate, whether answers come or not; notes what is
    acknowledged and when."""

    def __init__(self, server, applications, rate):
        self.server, self.applications, self.rate = server, applications, rate
        # Of each message that was acknowledged: its application and when.
        self.acknowledged = {}
        self.refused = {}
        self.idle, self.tasks, self.stopped = [], set(), False

    async def work(self):
        """Sends until it is told to stop."""
        begin, number = time.monotonic(), 0
        while not self.stopped:
            wait = begin + number / self.rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.ensure_future(self.send(self.applications[number % len(self.applications)], number))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            number += 1
        await asyncio.gather(*self.tasks)

    async def send(self, application, number):
        """Sends one event over a connection that nobody uses."""
        client = self.idle.pop() if self.idle else Client(self.server)
        await self.post(client, application, {"number": number})
        self.idle.append(client)

    async def post(self, client, application, payload):
        """Sends one event; whether it was acknowledged."""
        body = {"eventType": "drill.event", "payload": payload}
        return await self.post_body(client, application, json.dumps(body).encode())

    async def post_body(self, client, application, body):
        """Sends one event as these bytes; whether it was acknowledged."""
        status, fields, answer = await client.ask("POST", f"/api/v1/app/{application}/msg?with_content=false", body)
        if status == 202:
            self.acknowledged[json.loads(answer)["id"]] = application, time.monotonic()
            return True
        # What is refused before its body was read ends the connection.
        client.close()
        must(status in (429, 503, 507), f"an event was answered with {status}: {answer!r}")
        must("retry-after" in fields, f"{status} without Retry-After")
        self.refused[status] = self.refused.get(status, 0) + 1
        return False


async def fill(client, endpoints):
    """Makes applications with endpoints; `endpoints` gives the receivers of each. Gives their ids."""
    ids = {}
    for name, receivers in endpoints.items():
        await client.made("/api/v1/app", {"name": name, "uid": name})
        for receiver in receivers:
            ids[receiver] = await client.made(f"/api/v1/app/{name}/endpoint", {"url": receiver.url})
    return ids


def missing(producer, endpoints):
    """Deliveries of acknowledged messages that nobody received; `endpoints` gives the receivers of each
    application."""
    return sum(
        message not in receiver.received
        for message, (application, _) in producer.acknowledged.items()
        for receiver in endpoints[application]
    )


async def all_delivered(producer, endpoints, most_s):
    """Waits until nothing acknowledged is missing any more; how long that took."""
    begin = time.monotonic()
    while count := missing(producer, endpoints):
        must(time.monotonic() < begin + most_s, f"{count} deliveries are missing after {most_s} s")
        await asyncio.sleep(0.2)
    return time.monotonic() - begin


def run(drill, program, folder, *more):
    """Runs a drill and ends with what it found."""
    many_files()
    servers = []
    try:
        asyncio.run(drill(program, folder, servers, *more))
    except Fault as fault:
        print(f"fault: {fault}", file=sys.stderr)
        sys.exit(1)
    finally:
        for server in servers:
            server.kill()

"""Drives a running server through a whole story with the Python library that is installed.

Arguments: the server's URL, its key, the number of messages to page through. Each row of rows.txt
that was tried is one line on standard output: its name, `passed` or `failed`, and why, parted by
tabs. What went wrong in full is on standard error.
"""

import base64
import http.server
import json
import sys
import threading
import time
import traceback
import uuid
from datetime import datetime, timedelta, timezone

import svix.models as models
from svix.api import (
    ApplicationIn,
    ApplicationListOptions,
    ApplicationPatch,
    EndpointHeadersIn,
    EndpointHeadersPatchIn,
    EndpointIn,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventTypeIn,
    EventTypePatch,
    MessageIn,
    Svix,
    SvixOptions,
)
from svix.api.endpoint import EndpointGetStatsOptions, EndpointListOptions
from svix.api.errors.http_error import HttpError
from svix.api.errors.http_validation_error import HTTPValidationError
from svix.api.event_type import EventTypeDeleteOptions, EventTypeListOptions
from svix.api.message import MessageCreateOptions, MessageGetOptions, MessageListOptions
from svix.api.message_attempt import (
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
)
from svix.webhooks import Webhook, WebhookVerificationError

server_url, key, pages_of = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = Svix(key, SvixOptions(server_url=server_url))
run = uuid.uuid4().hex[:12]
second_line = hasattr(models, "EndpointUpsertIn")
type_field = "event_types" if second_line else "filter_types"
EndpointPut = models.EndpointUpsertIn if second_line else models.EndpointUpdate
EventTypePut = models.EventTypeUpsertIn if second_line else models.EventTypeUpdate


# --- rows


def row(name):
    """Runs a step at once and tells how it ended; a step that failed stops no other."""

    def tried(step):
        try:
            step()
        except Exception as error:
            traceback.print_exc()
            if isinstance(error, HttpError):
                reason = f"{error.status_code} {error.code}: {error.detail}"
            elif isinstance(error, HTTPValidationError):
                reason = f"422 {error.to_dict()['detail']}"
            else:
                reason = f"{type(error).__name__}: {error}"
            print(name, "failed", " ".join(reason.split())[:300], sep="\t", flush=True)
        else:
            print(name, "passed", "", sep="\t", flush=True)

    return tried


def same(got, expected, what):
    assert got == expected, f"{what} is {got!r}, expected {expected!r}"


def refused(status, call):
    """The refusal of a call, which must have this status."""
    try:
        call()
    except (HttpError, HTTPValidationError) as error:
        same(error.status_code, status, "the status")
        return error
    raise AssertionError(f"it was not refused with {status}")


def until(what, condition, seconds=15):
    """What a condition gives as soon as it is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


# --- the receiver


class Receiver:
    """Notes what comes and answers by path what it was told to, else 200."""

    def __init__(self):
        self.lock = threading.Lock()
        self.got = []
        self.answers = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with outer.lock:
                    outer.got.append((self.path, dict(self.headers.items()), body))
                    status = outer.answers.get(self.path, 200)
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def requests(self, path, message=None):
        with self.lock:
            got = list(self.got)
        by_path = [(headers, body) for at, headers, body in got if at == path]
        return [
            (headers, body)
            for headers, body in by_path
            if message in (None, header(headers, "webhook-id"))
        ]


def header(headers, name):
    return next((value for key, value in headers.items() if key.lower() == name), None)


receiver = Receiver()
app_uid = f"story-{run}"
began = datetime.now(timezone.utc) - timedelta(seconds=5)


def endpoint_in(path, types=None, **fields):
    if types:
        fields[type_field] = types
    return EndpointIn(url=receiver.url(path), **fields)


def send(type="order.paid", payload=None, app=app_uid, options=None, **fields):
    body = MessageIn(event_type=type, payload=payload or {"id": 1}, **fields)
    return client.message.create(app, body, options or MessageCreateOptions())


def attempts_for(message, endpoint, with_content=True):
    found = client.message_attempt.list_by_msg(
        app_uid, message, MessageAttemptListByMsgOptions(with_content=with_content)
    )
    return [attempt for attempt in found.data if attempt.endpoint_id == endpoint]


# --- applications


@row("app create")
def _():
    made = client.application.create(
        ApplicationIn(name="Story", uid=app_uid, metadata={"plan": "gold"}, throttle_rate=9)
    )
    assert made.id.startswith("app_") and len(made.id) == 31, made.id
    same((made.name, made.uid), ("Story", app_uid), "name and uid")
    same((made.metadata, made.throttle_rate), ({"plan": "gold"}, 9), "metadata and rate")


@row("app get or create")
def _():
    known = client.application.get_or_create(ApplicationIn(name="Other", uid=app_uid))
    same(known.name, "Story", "the known one's name")
    made = client.application.get_or_create(ApplicationIn(name="New", uid=f"{app_uid}-new"))
    same(made.name, "New", "the new one's name")


@row("app get")
def _():
    by_uid = client.application.get(app_uid)
    same(client.application.get(by_uid.id), by_uid, "by id")


put_application = client.application.upsert if second_line else client.application.update


@row("app upsert")
def _():
    made = put_application(f"{app_uid}-put", ApplicationIn(name="Put", uid=f"{app_uid}-put"))
    again = put_application(f"{app_uid}-put", ApplicationIn(name="Again", uid=f"{app_uid}-put"))
    same((again.id, again.name), (made.id, "Again"), "the put one")


@row("app patch")
def _():
    patched = client.application.patch(app_uid, ApplicationPatch(metadata={"plan": "silver"}))
    same((patched.name, patched.metadata), ("Story", {"plan": "silver"}), "the patched one")


@row("app list")
def _():
    seen, iterator = [], None
    while True:
        page = client.application.list(ApplicationListOptions(
            limit=2, iterator=iterator, order=models.Ordering.DESCENDING))
        seen += [application.uid for application in page.data]
        iterator = page.iterator
        if app_uid in seen or page.done:
            break
    assert app_uid in seen, seen
    assert seen.index(app_uid) > seen.index(f"{app_uid}-new"), "newest first"


@row("app delete")
def _():
    client.application.create(ApplicationIn(name="Gone", uid=f"{app_uid}-gone"))
    client.application.delete(f"{app_uid}-gone")
    refused(404, lambda: client.application.get(f"{app_uid}-gone"))


# --- endpoints

ENDPOINTS = {}


@row("endpoint create")
def _():
    made = client.endpoint.create(app_uid, endpoint_in(
        "/paid", ["order.paid"], uid="paid", description="Takes what is paid",
        metadata={"team": "a"}))
    assert made.id.startswith("ep_") and len(made.id) == 30, made.id
    same((made.uid, made.description), ("paid", "Takes what is paid"), "uid and description")
    same(getattr(made, type_field), ["order.paid"], "its types")
    same(made.disabled, False, "disabled")
    ENDPOINTS["paid"] = made.id
    made = client.endpoint.create(app_uid, endpoint_in("/failing", ["order.failing"]))
    ENDPOINTS["failing"] = made.id


@row("endpoint get")
def _():
    got = client.endpoint.get(app_uid, "paid")
    same((got.id, got.url), (ENDPOINTS["paid"], receiver.url("/paid")), "id and url")
    same(client.endpoint.get(app_uid, got.id), got, "by id")


@row("endpoint list")
def _():
    seen, iterator = [], None
    while True:
        page = client.endpoint.list(app_uid, EndpointListOptions(limit=1, iterator=iterator))
        seen += [endpoint.id for endpoint in page.data]
        iterator = page.iterator
        if page.done:
            break
    same(seen, [ENDPOINTS["paid"], ENDPOINTS["failing"]], "the endpoints")


put_endpoint = client.endpoint.upsert if second_line else client.endpoint.update


@row("endpoint upsert")
def _():
    body = EndpointPut(url=receiver.url("/put"), uid="put", **{type_field: ["order.put"]})
    made = put_endpoint(app_uid, "put", body)
    body = EndpointPut(url=receiver.url("/put"), uid="put", description="again",
                       **{type_field: ["order.put"]})
    again = put_endpoint(app_uid, "put", body)
    same((again.id, again.description), (made.id, "again"), "the put one")
    sent = send("order.put")
    until("a delivery to the put one", lambda: receiver.requests("/put", sent.id))


@row("endpoint patch")
def _():
    made = client.endpoint.create(app_uid, endpoint_in("/patch", ["order.patch"], uid="patch"))
    patched = client.endpoint.patch(app_uid, "patch", EndpointPatch(url=receiver.url("/moved")))
    same((patched.id, patched.url), (made.id, receiver.url("/moved")), "the patched one")
    same(getattr(patched, type_field), ["order.patch"], "its types")
    sent = send("order.patch")
    until("a delivery to where it moved", lambda: receiver.requests("/moved", sent.id))
    patched = client.endpoint.patch(app_uid, "patch", EndpointPatch(disabled=True))
    same(patched.disabled, True, "disabled")


@row("endpoint delete")
def _():
    made = client.endpoint.create(app_uid, endpoint_in("/gone", ["order.gone"], uid="gone"))
    client.endpoint.delete(app_uid, "gone")
    refused(404, lambda: client.endpoint.get(app_uid, made.id))


@row("secret get")
def _():
    shown = client.endpoint.get_secret(app_uid, "paid").key
    assert shown.startswith("whsec_") and len(base64.b64decode(shown[6:])) >= 24, shown


# --- messages and their receipt

MESSAGES = {}


@row("message create")
def _():
    payload = {"id": 17, "text": "é ☕", "amount": 1.5, "list": [1, None, True]}
    made = send(payload=payload, event_id=f"event-{run}",
                options=MessageCreateOptions(with_content=True))
    assert made.id.startswith("msg_") and len(made.id) == 31, made.id
    same((made.event_type, made.event_id), ("order.paid", f"event-{run}"), "type and event id")
    same(made.payload, payload, "its payload")
    MESSAGES["paid"] = made.id


@row("receipt verified")
def _():
    headers, body = until(
        "a delivery", lambda: receiver.requests("/paid", MESSAGES["paid"]))[0]
    verifier = Webhook(client.endpoint.get_secret(app_uid, "paid").key)
    verifier.verify(body, headers)
    same(json.loads(body)["text"], "é ☕", "what came")
    for wrong in (lambda: verifier.verify(body + b" ", headers),
                  lambda: Webhook("whsec_" + base64.b64encode(b"0" * 32).decode()).verify(
                      body, headers)):
        try:
            wrong()
        except WebhookVerificationError:
            continue
        raise AssertionError("a wrong body or key was not told")


@row("message get")
def _():
    with_content = MessageGetOptions(with_content=True)
    got = client.message.get(app_uid, f"event-{run}", with_content)
    same((got.id, got.payload["amount"]), (MESSAGES["paid"], 1.5), "id and amount")
    same(client.message.get(app_uid, got.id, with_content), got, "by id")
    bare = client.message.get(app_uid, got.id, MessageGetOptions(with_content=False))
    same(bare.payload, {}, "the payload left out")


@row("message list")
def _():
    page = client.message.list(app_uid, MessageListOptions(
        limit=250, after=began, with_content=True))
    same([m.id for m in page.data if m.event_id == f"event-{run}"], [MESSAGES["paid"]], "found")
    page = client.message.list(app_uid, MessageListOptions(before=began))
    same((page.data, page.done), ([], True), "before all of it")


@row("message create with application")
def _():
    uid = f"{app_uid}-along"
    made = send(app=uid, application=ApplicationIn(name="Along", uid=uid))
    same(client.application.get(uid).name, "Along", "the application made along")
    same(client.message.get(uid, made.id).id, made.id, "its message")


# --- failure and what mends it


@row("failure and retry")
def _():
    receiver.answers["/failing"] = 500
    for name in ("retried", "resent", "recovered"):
        MESSAGES[name] = send("order.failing", {"name": name}).id
    failing = ENDPOINTS["failing"]
    # The first retry comes after 5 s, give or take a fifth; the one after that after minutes.
    for name in ("retried", "resent", "recovered"):
        found = until(f"a second attempt of {name}", lambda: (
            lambda found: found if len(found) == 2 else None
        )(attempts_for(MESSAGES[name], failing)))
        newest = found[0]
        same((newest.status, newest.status_text), (2, "fail"), "its status")
        same((newest.response_status_code, newest.response), (500, "ok"), "its response")
        same(newest.trigger_type, models.MessageAttemptTriggerType.SCHEDULED, "what caused it")
        same(newest.url, receiver.url("/failing"), "its url")
        assert newest.response_duration_ms >= 0
    receiver.answers["/failing"] = 200


@row("attempts by message")
def _():
    found = client.message_attempt.list_by_msg(app_uid, MESSAGES["retried"])
    same([attempt.msg_id for attempt in found.data], [MESSAGES["retried"]] * 2, "their messages")
    assert all(a.id.startswith("atmpt_") and len(a.id) == 33 for a in found.data)


@row("attempts by endpoint")
def _():
    found = client.message_attempt.list_by_endpoint(
        app_uid, "paid", MessageAttemptListByEndpointOptions(limit=10))
    same(found.data[-1].msg_id, MESSAGES["paid"], "the oldest one's message")
    same((found.data[-1].status, found.done), (0, True), "its status, and the end")


@row("attempt get")
def _():
    listed = attempts_for(MESSAGES["retried"], ENDPOINTS["failing"])[0]
    got = client.message_attempt.get(app_uid, MESSAGES["retried"], listed.id)
    same((got.id, got.endpoint_id), (listed.id, ENDPOINTS["failing"]), "the attempt")


@row("attempted messages")
def _():
    found = client.message_attempt.list_attempted_messages(app_uid, ENDPOINTS["failing"])
    pending = {message.id: message for message in found.data}[MESSAGES["retried"]]
    same((pending.status, pending.status_text), (1, "pending"), "while a retry is to come")
    assert pending.next_attempt > datetime.now(timezone.utc), pending.next_attempt
    found = client.message_attempt.list_attempted_messages(
        app_uid, "paid", MessageAttemptListAttemptedMessagesOptions(
            status=models.MessageStatus.SUCCESS, with_content=True))
    same(found.data[-1].id, MESSAGES["paid"], "the one that succeeded")


@row("attempted destinations")
def _():
    found = client.message_attempt.list_attempted_destinations(app_uid, MESSAGES["retried"])
    same([(d.id, d.status) for d in found.data], [(ENDPOINTS["failing"], 1)], "destinations")
    found = client.message_attempt.list_attempted_destinations(app_uid, MESSAGES["paid"])
    same([(d.id, d.status) for d in found.data], [(ENDPOINTS["paid"], 0)], "destinations")


@row("resend")
def _():
    failing, message = ENDPOINTS["failing"], MESSAGES["resent"]
    before = len(receiver.requests("/failing", message))
    client.message_attempt.resend(app_uid, message, failing)
    until("the resent message", lambda: len(receiver.requests("/failing", message)) > before)
    newest = until("its attempt", lambda: [
        a for a in attempts_for(message, failing) if a.status == 0])[0]
    same(newest.trigger_type, models.MessageAttemptTriggerType.MANUAL, "what caused it")


@row("filters of lists")
def _():
    by_endpoint = MessageAttemptListByEndpointOptions
    failing = ENDPOINTS["failing"]

    def listed(**options):
        found = client.message_attempt.list_by_endpoint(
            app_uid, failing, by_endpoint(limit=250, **options))
        return [attempt.status for attempt in found.data]

    failed = listed(status=models.MessageStatus.FAIL)
    assert len(failed) >= 6 and set(failed) == {2}, failed
    failed = listed(status_code_class=models.StatusCodeClass.CODE5XX)
    assert len(failed) >= 6 and set(failed) == {2}, failed
    same(listed(event_types=["order.other", "order.none"]), [], "of other types")
    assert len(listed(event_types=["order.failing", "order.none"])) >= 6
    found = client.message_attempt.list_by_msg(
        app_uid, MESSAGES["paid"], MessageAttemptListByMsgOptions(endpoint_id=failing))
    same(found.data, [], "of another endpoint")
    found = client.message.list(app_uid, MessageListOptions(event_types=["order.paid"]))
    same({message.event_type for message in found.data}, {"order.paid"}, "their types")
    channels = client.endpoint.create(app_uid, endpoint_in("/channel", channels=["eu"]))
    sent = send("order.channel", channels=["eu", "us"])
    other = send("order.channel", channels=["us"])
    until("a delivery by its channel", lambda: receiver.requests("/channel", sent.id))
    same(receiver.requests("/channel", other.id), [], "of another channel")
    found = client.message.list(app_uid, MessageListOptions(channel="eu"))
    same([message.id for message in found.data], [sent.id], "by channel")
    assert channels.channels == ["eu"]


def task(made, name):
    same((made.task, made.id[:6]), (name, "qtask_"), "the task")

    def ended():
        found = client.background_task.get(made.id)
        return found if found.status != "running" else None

    found = until(f"the end of {name}", ended)
    same(found.status, "finished", "how it ended")
    return found


@row("recover")
def _():
    failing, message = ENDPOINTS["failing"], MESSAGES["recovered"]
    before = len(receiver.requests("/failing", message))
    made = client.endpoint.recover(app_uid, failing, models.RecoverIn(since=began))
    until("the recovered message", lambda: len(receiver.requests("/failing", message)) > before)
    task(made, "endpoint.recover")
    MESSAGES["task"] = made.id


@row("background task get")
def _():
    got = client.background_task.get(MESSAGES["task"])
    same((got.id, got.status), (MESSAGES["task"], "finished"), "the task")


@row("background task list")
def _():
    found = client.background_task.list()
    assert MESSAGES["task"] in [task.id for task in found.data], found


@row("replay missing")
def _():
    sent = send("order.late")
    client.endpoint.create(app_uid, endpoint_in("/late", ["order.late"], uid="late"))
    made = client.endpoint.replay_missing(app_uid, "late", models.ReplayIn(since=began))
    until("the missed message", lambda: receiver.requests("/late", sent.id))
    task(made, "endpoint.replay")


@row("bulk replay")
def _():
    before = len(receiver.requests("/paid", MESSAGES["paid"]))
    made = client.endpoint.bulk_replay(app_uid, "paid", models.BulkReplayIn(
        since=began, event_types=["order.paid"], status=models.MessageStatus.SUCCESS))
    until("the replayed message", lambda:
          len(receiver.requests("/paid", MESSAGES["paid"])) > before)
    task(made, "endpoint.bulk-replay")


@row("stats")
def _():
    now = datetime.now(timezone.utc)
    stats = client.endpoint.get_stats(app_uid, ENDPOINTS["failing"], EndpointGetStatsOptions(
        since=now - timedelta(hours=1), until=now + timedelta(minutes=1)))
    total = stats.success + stats.pending + stats.sending + stats.fail + stats.canceled
    same(total, 3, "the messages counted")


@row("send example")
def _():
    made = client.endpoint.send_example(
        app_uid, "paid", models.EventExampleIn(event_type="svix.ping"))
    until("the example", lambda: receiver.requests("/paid", made.id))


# --- what is sent along, and signed by what


@row("headers set")
def _():
    client.endpoint.create(app_uid, endpoint_in("/headers", ["order.headers"], uid="headers"))
    set_headers = client.endpoint.set_headers if second_line else client.endpoint.update_headers
    set_headers(app_uid, "headers", EndpointHeadersIn(headers={"x-one": "1", "x-two": "2"}))
    sent = send("order.headers")
    headers, _ = until("a delivery", lambda: receiver.requests("/headers", sent.id))[0]
    same((header(headers, "x-one"), header(headers, "x-two")), ("1", "2"), "the headers")


@row("headers get")
def _():
    got = client.endpoint.get_headers(app_uid, "headers")
    same({name.lower() for name in got.headers} | set(got.sensitive), {"x-one", "x-two"}, "names")


@row("headers patch")
def _():
    client.endpoint.patch_headers(app_uid, "headers", EndpointHeadersPatchIn(
        headers={"x-three": "3"}, delete_headers=["x-one"]))
    got = client.endpoint.get_headers(app_uid, "headers")
    same({name.lower() for name in got.headers}, {"x-two", "x-three"}, "the names left")


@row("secret rotate")
def _():
    client.endpoint.create(app_uid, endpoint_in("/rotate", ["order.rotate"], uid="rotate"))
    old = client.endpoint.get_secret(app_uid, "rotate").key
    client.endpoint.rotate_secret(app_uid, "rotate", EndpointSecretRotateIn())
    new = client.endpoint.get_secret(app_uid, "rotate").key
    assert new != old, "it is the old one"
    chosen = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    told = client.endpoint.rotate_secret(app_uid, "rotate", EndpointSecretRotateIn(key=chosen))
    if second_line:
        same(told.key, chosen, "the key told")
    sent = send("order.rotate")
    headers, body = until("a delivery", lambda: receiver.requests("/rotate", sent.id))[0]
    for good in (old, new, chosen):
        Webhook(good).verify(body, headers)


# --- event types


@row("event type create")
def _():
    made = client.event_type.create(EventTypeIn(
        name=f"type-{run}", description="Of the story", schemas={"1": {"type": "object"}}))
    same((made.name, made.description), (f"type-{run}", "Of the story"), "the type")
    same((made.deprecated, bool(made.archived)), (False, False), "its state")
    refused(409, lambda: client.event_type.create(EventTypeIn(
        name=f"type-{run}", description="Of the story")))


@row("event type get")
def _():
    got = client.event_type.get(f"type-{run}")
    same((got.description, got.schemas), ("Of the story", {"1": {"type": "object"}}), "the type")


put_event_type = client.event_type.upsert if second_line else client.event_type.update


@row("event type upsert")
def _():
    made = put_event_type(f"put-{run}", EventTypePut(description="Put"))
    same((made.name, made.description), (f"put-{run}", "Put"), "the type")
    again = put_event_type(f"put-{run}", EventTypePut(description="Again"))
    same(again.description, "Again", "its description")


@row("event type patch")
def _():
    patched = client.event_type.patch(f"type-{run}", EventTypePatch(deprecated=True))
    same((patched.description, patched.deprecated), ("Of the story", True), "the type")


def listed_types(**options):
    seen, iterator = {}, None
    while True:
        page = client.event_type.list(EventTypeListOptions(
            limit=100, iterator=iterator, **options))
        seen.update((event_type.name, event_type) for event_type in page.data)
        iterator = page.iterator
        if page.done:
            return seen


@row("event type list")
def _():
    found = listed_types(with_content=True)
    same(found[f"type-{run}"].schemas, {"1": {"type": "object"}}, "its schemas")
    assert f"put-{run}" in found, found


@row("event type archive")
def _():
    client.event_type.delete(f"type-{run}")
    assert f"type-{run}" not in listed_types(), "it is listed"
    same(listed_types(include_archived=True)[f"type-{run}"].archived, True, "archived")


@row("event type expunge")
def _():
    client.event_type.delete(f"put-{run}", EventTypeDeleteOptions(expunge=True))
    refused(404, lambda: client.event_type.get(f"put-{run}"))


# --- the rest


@row("portal access")
def _():
    access = client.authentication.app_portal_access(app_uid, models.AppPortalAccessIn())
    assert access.url and access.token, access
    portal = Svix(access.token, SvixOptions(server_url=server_url))
    same(portal.application.get(app_uid).uid, app_uid, "its own application")
    refused(403, portal.application.list)


@row("health")
def _():
    client.health.get()
    Svix("no key", SvixOptions(server_url=server_url)).health.get()


@row("idempotency key")
def _():
    options = MessageCreateOptions(idempotency_key=f"key-{run}")
    first = send("order.once", {"n": 1}, options=options)
    same(send("order.once", {"n": 1}, options=options).id, first.id, "the same message")
    refused(422, lambda: send("order.once", {"n": 2}, options=options))


@row("errors of the caller")
def _():
    missing = refused(404, lambda: client.application.get("absent"))
    assert isinstance(missing, HttpError) and missing.code and missing.detail, missing
    taken = refused(409, lambda: client.application.create(ApplicationIn(name="x", uid=app_uid)))
    assert taken.code and taken.detail, taken
    invalid = refused(422, lambda: client.endpoint.create(
        app_uid, EndpointIn(url="ftp://example.com/", uid="not a uid")))
    assert isinstance(invalid, HTTPValidationError), invalid
    same(sorted(fault.loc[-1] for fault in invalid.detail), ["uid", "url"], "the faults")
    stranger = Svix("no key", SvixOptions(server_url=server_url))
    same(bool(refused(401, stranger.application.list).code), True, "a code")


@row("message expunge")
def _():
    client.message.expunge_content(app_uid, MESSAGES["paid"])
    got = client.message.get(app_uid, MESSAGES["paid"], MessageGetOptions(with_content=True))
    same(got.payload, {"expired": True}, "the payload")


@row("attempt expunge")
def _():
    attempt = attempts_for(MESSAGES["retried"], ENDPOINTS["failing"])[0]
    assert attempt.response, attempt
    client.message_attempt.expunge_content(app_uid, MESSAGES["retried"], attempt.id)
    found = attempts_for(MESSAGES["retried"], ENDPOINTS["failing"])
    left = {kept.id: kept.response for kept in found}[attempt.id]
    assert left != "ok", left


@row("pages through 1,000 messages")
def _():
    uid = f"{app_uid}-pages"
    client.application.create(ApplicationIn(name="Pages", uid=uid))
    sent = [send("order.page", {"n": n}, app=uid).id for n in range(pages_of)]
    seen, pages, iterator = [], 0, None
    while True:
        page = client.message.list(uid, MessageListOptions(limit=100, iterator=iterator))
        seen += [message.id for message in page.data]
        pages += 1
        if page.done:
            break
        iterator = page.iterator
    same(len(seen), pages_of, "messages seen")
    same(seen, sent[::-1], "each once, newest first")
    assert pages <= pages_of // 100 + 1, pages

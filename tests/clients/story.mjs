// Drives a running server through a whole story with the JavaScript library of a folder.
//
// Arguments: that folder, the server's URL, its key, the number of messages to page through. Each
// row of rows.txt that was tried is one line on standard output: its name, `passed` or `failed`,
// and why, parted by tabs. What went wrong in full is on standard error.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [folder, serverUrl, key, count] = process.argv.slice(2);
const pagesOf = Number(count);
const library = await import(pathToFileURL(createRequire(`${folder}/`).resolve("svix")));
const { ApiException, Svix, Webhook, WebhookVerificationError } = library;
const { MessageAttemptTriggerType, MessageStatus } = library;
const client = new Svix(key, { serverUrl });
const run = randomUUID().slice(-12);
const secondLine = "upsert" in client.endpoint;
const typeField = secondLine ? "eventTypes" : "filterTypes";

// --- rows

// Runs a step and tells how it ended; a step that failed stops no other.
async function row(name, step) {
  try {
    await step();
    console.log(`${name}\tpassed\t`);
  } catch (error) {
    console.error(error);
    const reason =
      error instanceof ApiException
        ? `${error.code} ${JSON.stringify(error.body)}`
        : `${error.name}: ${error.message}`;
    console.log(`${name}\tfailed\t${reason.replaceAll(/\s+/g, " ").slice(0, 300)}`);
  }
}

const same = (got, expected, what) => assert.deepEqual(got, expected, what);

// The body of a refusal, which must have this status.
async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    same(error.code, status, "the status");
    return error.body;
  }
  throw new Error(`it was not refused with ${status}`);
}

// What a condition gives as soon as it is not empty.
async function until(what, condition, seconds = 15) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const found = await condition();
    if (Array.isArray(found) ? found.length > 0 : found) return found;
    await pause(50);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

// --- the receiver

const got = [];
const answers = new Map();
const receiver = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    got.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(answers.get(request.url) ?? 200, { "content-length": "2" });
    response.end("ok");
  });
});
await new Promise((bound) => receiver.listen(0, "127.0.0.1", bound));

const url = (path) => `http://127.0.0.1:${receiver.address().port}${path}`;
const requests = (path, message) =>
  got.filter((one) => one.path === path && one.headers["webhook-id"] === message);

const appUid = `story-${run}`;
const began = new Date(Date.now() - 5000);
const endpointIn = (path, types, more = {}) => ({
  url: url(path),
  ...(types && { [typeField]: types }),
  ...more,
});

function send(eventType = "order.paid", more = {}, { app = appUid, options } = {}) {
  return client.message.create(app, { eventType, payload: { id: 1 }, ...more }, options);
}

async function attemptsFor(message, endpoint) {
  const found = await client.messageAttempt.listByMsg(appUid, message, { withContent: true });
  return found.data.filter((attempt) => attempt.endpointId === endpoint);
}

// Everything that a list gives, page by page.
async function whole(list, options = {}) {
  const seen = [];
  for (let iterator; ; ) {
    const page = await list({ ...options, iterator });
    seen.push(...page.data);
    if (page.done) return seen;
    iterator = page.iterator;
  }
}

// --- applications

await row("app create", async () => {
  const made = await client.application.create({
    name: "Story",
    uid: appUid,
    metadata: { plan: "gold" },
    throttleRate: 9,
  });
  assert.match(made.id, /^app_.{27}$/);
  same([made.name, made.uid, made.metadata], ["Story", appUid, { plan: "gold" }]);
  same(made.throttleRate, 9);
  assert.ok(Math.abs(made.createdAt - Date.now()) < 60_000, "when it was made");
});

await row("app get or create", async () => {
  const known = await client.application.getOrCreate({ name: "Other", uid: appUid });
  same(known.name, "Story");
  const made = await client.application.getOrCreate({ name: "New", uid: `${appUid}-new` });
  same(made.name, "New");
});

await row("app get", async () => {
  const byUid = await client.application.get(appUid);
  same(byUid.name, "Story");
  same(await client.application.get(byUid.id), byUid);
});

const put = (of) => (secondLine ? of.upsert : of.update).bind(of);

await row("app upsert", async () => {
  const uid = `${appUid}-put`;
  const made = await put(client.application)(uid, { name: "Put", uid });
  const again = await put(client.application)(uid, { name: "Again", uid });
  same([again.id, again.name], [made.id, "Again"]);
});

await row("app patch", async () => {
  const patched = await client.application.patch(appUid, { metadata: { plan: "silver" } });
  same([patched.name, patched.metadata], ["Story", { plan: "silver" }]);
});

await row("app list", async () => {
  const uids = [];
  for (let iterator, done = false; !done && !uids.includes(appUid); ) {
    const page = await client.application.list({ limit: 2, iterator, order: "descending" });
    uids.push(...page.data.map((application) => application.uid));
    ({ iterator, done } = page);
  }
  assert.ok(uids.includes(appUid));
  assert.ok(uids.indexOf(appUid) > uids.indexOf(`${appUid}-new`), "newest first");
});

await row("app delete", async () => {
  await client.application.create({ name: "Gone", uid: `${appUid}-gone` });
  await client.application.delete(`${appUid}-gone`);
  await refused(404, () => client.application.get(`${appUid}-gone`));
});

// --- endpoints

const endpoints = {};

await row("endpoint create", async () => {
  const made = await client.endpoint.create(
    appUid,
    endpointIn("/paid", ["order.paid"], {
      uid: "paid",
      description: "Takes what is paid",
      metadata: { team: "a" },
    }),
  );
  assert.match(made.id, /^ep_.{27}$/);
  same([made.uid, made.description], ["paid", "Takes what is paid"]);
  same([made[typeField], made.disabled], [["order.paid"], false]);
  endpoints.paid = made.id;
  const failing = endpointIn("/failing", ["order.failing"]);
  endpoints.failing = (await client.endpoint.create(appUid, failing)).id;
});

await row("endpoint get", async () => {
  const found = await client.endpoint.get(appUid, "paid");
  same([found.id, found.url], [endpoints.paid, url("/paid")]);
  same(await client.endpoint.get(appUid, found.id), found);
});

await row("endpoint list", async () => {
  const seen = await whole((options) => client.endpoint.list(appUid, options), { limit: 1 });
  same(
    seen.map((endpoint) => endpoint.id),
    [endpoints.paid, endpoints.failing],
  );
});

await row("endpoint upsert", async () => {
  const body = endpointIn("/put", ["order.put"], { uid: "put" });
  const made = await put(client.endpoint)(appUid, "put", body);
  const again = await put(client.endpoint)(appUid, "put", { ...body, description: "again" });
  same([again.id, again.description], [made.id, "again"]);
  const sent = await send("order.put");
  await until("a delivery to the put one", () => requests("/put", sent.id));
});

await row("endpoint patch", async () => {
  const body = endpointIn("/patch", ["order.patch"], { uid: "patch" });
  const made = await client.endpoint.create(appUid, body);
  let patched = await client.endpoint.patch(appUid, "patch", { url: url("/moved") });
  same([patched.id, patched.url], [made.id, url("/moved")]);
  same(patched[typeField], ["order.patch"]);
  const sent = await send("order.patch");
  await until("a delivery to where it moved", () => requests("/moved", sent.id));
  patched = await client.endpoint.patch(appUid, "patch", { disabled: true });
  same(patched.disabled, true);
});

await row("endpoint delete", async () => {
  const body = endpointIn("/gone", ["order.gone"], { uid: "gone" });
  const made = await client.endpoint.create(appUid, body);
  await client.endpoint.delete(appUid, "gone");
  await refused(404, () => client.endpoint.get(appUid, made.id));
});

await row("secret get", async () => {
  const shown = (await client.endpoint.getSecret(appUid, "paid")).key;
  assert.match(shown, /^whsec_/);
  assert.ok(Buffer.from(shown.slice(6), "base64").length >= 24);
});

// --- messages and their receipt

const messages = {};

await row("message create", async () => {
  const payload = { id: 17, text: "é ☕", amount: 1.5, list: [1, null, true] };
  const made = await send(
    "order.paid",
    { payload, eventId: `event-${run}` },
    { options: { withContent: true } },
  );
  assert.match(made.id, /^msg_.{27}$/);
  same([made.eventType, made.eventId], ["order.paid", `event-${run}`]);
  same(made.payload, payload);
  messages.paid = made.id;
});

await row("receipt verified", async () => {
  const [{ headers, body }] = await until("a delivery", () => requests("/paid", messages.paid));
  const verifier = new Webhook((await client.endpoint.getSecret(appUid, "paid")).key);
  const verified = verifier.verify(body, headers);
  same((verified ?? JSON.parse(body)).text, "é ☕");
  const other = new Webhook(`whsec_${Buffer.alloc(32, "0").toString("base64")}`);
  assert.throws(() => verifier.verify(`${body} `, headers), WebhookVerificationError);
  assert.throws(() => other.verify(body, headers), WebhookVerificationError);
});

await row("message get", async () => {
  const withContent = { withContent: true };
  const found = await client.message.get(appUid, `event-${run}`, withContent);
  same([found.id, found.payload.amount], [messages.paid, 1.5]);
  same(await client.message.get(appUid, found.id, withContent), found);
  const bare = await client.message.get(appUid, found.id, { withContent: false });
  same(bare.payload, {});
});

await row("message list", async () => {
  let page = await client.message.list(appUid, { limit: 250, after: began, withContent: true });
  const known = page.data.filter((message) => message.eventId === `event-${run}`);
  same(
    known.map((message) => message.id),
    [messages.paid],
  );
  page = await client.message.list(appUid, { before: began });
  same([page.data, page.done], [[], true]);
});

await row("message create with application", async () => {
  const uid = `${appUid}-along`;
  const made = await send("order.paid", { application: { name: "Along", uid } }, { app: uid });
  same((await client.application.get(uid)).name, "Along");
  same((await client.message.get(uid, made.id)).id, made.id);
});

// --- failure and what mends it

await row("failure and retry", async () => {
  answers.set("/failing", 500);
  for (const name of ["retried", "resent", "recovered"]) {
    messages[name] = (await send("order.failing", { payload: { name } })).id;
  }
  // The first retry comes after 5 s, give or take a fifth; the one after that after minutes.
  for (const name of ["retried", "resent", "recovered"]) {
    const [newest] = await until(`a second attempt of ${name}`, async () => {
      const found = await attemptsFor(messages[name], endpoints.failing);
      return found.length === 2 ? found : [];
    });
    same([newest.status, newest.responseStatusCode, newest.response], [2, 500, "ok"]);
    same([newest.triggerType, newest.url], [0, url("/failing")]);
    assert.ok(newest.responseDurationMs >= 0);
  }
  answers.set("/failing", 200);
});

await row("attempts by message", async () => {
  const found = await client.messageAttempt.listByMsg(appUid, messages.retried);
  same(
    found.data.map((attempt) => attempt.msgId),
    [messages.retried, messages.retried],
  );
  for (const attempt of found.data) assert.match(attempt.id, /^atmpt_.{27}$/);
});

await row("attempts by endpoint", async () => {
  const found = await client.messageAttempt.listByEndpoint(appUid, "paid", { limit: 10 });
  const oldest = found.data.at(-1);
  same([oldest.msgId, oldest.status, found.done], [messages.paid, 0, true]);
});

await row("attempt get", async () => {
  const [listed] = await attemptsFor(messages.retried, endpoints.failing);
  const found = await client.messageAttempt.get(appUid, messages.retried, listed.id);
  same([found.id, found.endpointId], [listed.id, endpoints.failing]);
});

await row("attempted messages", async () => {
  let found = await client.messageAttempt.listAttemptedMessages(appUid, endpoints.failing);
  const pending = found.data.find((message) => message.id === messages.retried);
  same(pending.status, MessageStatus.Pending);
  assert.ok(pending.nextAttempt > new Date(), "when it is tried next");
  found = await client.messageAttempt.listAttemptedMessages(appUid, "paid", {
    status: MessageStatus.Success,
    withContent: true,
  });
  same(found.data.at(-1).id, messages.paid);
});

await row("attempted destinations", async () => {
  let found = await client.messageAttempt.listAttemptedDestinations(appUid, messages.retried);
  same(
    found.data.map((destination) => [destination.id, destination.status]),
    [[endpoints.failing, MessageStatus.Pending]],
  );
  found = await client.messageAttempt.listAttemptedDestinations(appUid, messages.paid);
  same(
    found.data.map((destination) => [destination.id, destination.status]),
    [[endpoints.paid, MessageStatus.Success]],
  );
});

await row("resend", async () => {
  const before = requests("/failing", messages.resent).length;
  await client.messageAttempt.resend(appUid, messages.resent, endpoints.failing);
  await until("the resent one", () => requests("/failing", messages.resent).length > before);
  const [newest] = await until("its attempt", async () => {
    const found = await attemptsFor(messages.resent, endpoints.failing);
    return found.filter((attempt) => attempt.status === MessageStatus.Success);
  });
  same(newest.triggerType, MessageAttemptTriggerType.Manual);
});

await row("filters of lists", async () => {
  const listed = async (options) => {
    const all = { limit: 250, ...options };
    const found = await client.messageAttempt.listByEndpoint(appUid, endpoints.failing, all);
    return found.data.map((attempt) => attempt.status);
  };
  for (const filter of [{ status: MessageStatus.Fail }, { statusCodeClass: 500 }]) {
    const failed = await listed(filter);
    assert.ok(failed.length >= 6 && failed.every((status) => status === 2), `${failed}`);
  }
  same(await listed({ eventTypes: ["order.other", "order.none"] }), []);
  assert.ok((await listed({ eventTypes: ["order.failing", "order.none"] })).length >= 6);
  const elsewhere = await client.messageAttempt.listByMsg(appUid, messages.paid, {
    endpointId: endpoints.failing,
  });
  same(elsewhere.data, []);
  let found = await client.message.list(appUid, { eventTypes: ["order.paid"] });
  same([...new Set(found.data.map((message) => message.eventType))], ["order.paid"]);
  const body = endpointIn("/channel", undefined, { channels: ["eu"] });
  same((await client.endpoint.create(appUid, body)).channels, ["eu"]);
  const sent = await send("order.channel", { channels: ["eu", "us"] });
  const other = await send("order.channel", { channels: ["us"] });
  await until("a delivery by its channel", () => requests("/channel", sent.id));
  same(requests("/channel", other.id), []);
  found = await client.message.list(appUid, { channel: "eu" });
  same(
    found.data.map((message) => message.id),
    [sent.id],
  );
});

async function ended(made, name) {
  assert.match(made.id, /^qtask_.{27}$/);
  same(made.task, name);
  const found = await until(`the end of ${name}`, async () => {
    const task = await client.backgroundTask.get(made.id);
    return task.status === "running" ? undefined : task;
  });
  same(found.status, "finished");
}

await row("recover", async () => {
  const before = requests("/failing", messages.recovered).length;
  const made = await client.endpoint.recover(appUid, endpoints.failing, { since: began });
  await until("the recovered one", () => requests("/failing", messages.recovered).length > before);
  await ended(made, "endpoint.recover");
  messages.task = made.id;
});

await row("background task get", async () => {
  const found = await client.backgroundTask.get(messages.task);
  same([found.id, found.status], [messages.task, "finished"]);
});

await row("background task list", async () => {
  const found = await client.backgroundTask.list();
  assert.ok(found.data.some((task) => task.id === messages.task));
});

await row("replay missing", async () => {
  const sent = await send("order.late");
  await client.endpoint.create(appUid, endpointIn("/late", ["order.late"], { uid: "late" }));
  const made = await client.endpoint.replayMissing(appUid, "late", { since: began });
  await until("the missed one", () => requests("/late", sent.id));
  await ended(made, "endpoint.replay");
});

await row("bulk replay", async () => {
  const before = requests("/paid", messages.paid).length;
  const made = await client.endpoint.bulkReplay(appUid, "paid", {
    since: began,
    eventTypes: ["order.paid"],
    status: MessageStatus.Success,
  });
  await until("the replayed one", () => requests("/paid", messages.paid).length > before);
  await ended(made, "endpoint.bulk-replay");
});

await row("stats", async () => {
  const since = new Date(Date.now() - 3_600_000);
  const until = new Date(Date.now() + 60_000);
  const stats = await client.endpoint.getStats(appUid, endpoints.failing, { since, until });
  const { success, pending, sending, fail, canceled } = stats;
  same(success + pending + sending + fail + canceled, 3);
});

await row("send example", async () => {
  const made = await client.endpoint.sendExample(appUid, "paid", { eventType: "svix.ping" });
  await until("the example", () => requests("/paid", made.id));
});

// --- what is sent along, and signed by what

const names = (headers) => Object.keys(headers).map((name) => name.toLowerCase()).sort();

await row("headers set", async () => {
  const body = endpointIn("/headers", ["order.headers"], { uid: "headers" });
  await client.endpoint.create(appUid, body);
  const set = secondLine ? "setHeaders" : "updateHeaders";
  await client.endpoint[set](appUid, "headers", { headers: { "x-one": "1", "x-two": "2" } });
  const sent = await send("order.headers");
  const [{ headers }] = await until("a delivery", () => requests("/headers", sent.id));
  same([headers["x-one"], headers["x-two"]], ["1", "2"]);
});

await row("headers get", async () => {
  const found = await client.endpoint.getHeaders(appUid, "headers");
  same([...names(found.headers), ...found.sensitive], ["x-one", "x-two"]);
});

await row("headers patch", async () => {
  const change = { headers: { "x-three": "3" }, deleteHeaders: ["x-one"] };
  await client.endpoint.patchHeaders(appUid, "headers", change);
  const found = await client.endpoint.getHeaders(appUid, "headers");
  same(names(found.headers), ["x-three", "x-two"]);
});

await row("secret rotate", async () => {
  const body = endpointIn("/rotate", ["order.rotate"], { uid: "rotate" });
  await client.endpoint.create(appUid, body);
  const old = (await client.endpoint.getSecret(appUid, "rotate")).key;
  await client.endpoint.rotateSecret(appUid, "rotate", {});
  const made = (await client.endpoint.getSecret(appUid, "rotate")).key;
  assert.notEqual(made, old);
  const chosen = `whsec_${Buffer.from(Array.from({ length: 32 }, (_, n) => n)).toString("base64")}`;
  await client.endpoint.rotateSecret(appUid, "rotate", { key: chosen });
  const sent = await send("order.rotate");
  const [receipt] = await until("a delivery", () => requests("/rotate", sent.id));
  for (const good of [old, made, chosen]) new Webhook(good).verify(receipt.body, receipt.headers);
});

// --- event types

const typeName = `type-${run}`;
const putName = `put-${run}`;
const schemas = { 1: { type: "object" } };
const listedTypes = async (options) => {
  const seen = await whole((more) => client.eventType.list({ ...options, ...more }), {
    limit: 100,
  });
  return new Map(seen.map((eventType) => [eventType.name, eventType]));
};

await row("event type create", async () => {
  const body = { name: typeName, description: "Of the story", schemas };
  const made = await client.eventType.create(body);
  same([made.name, made.description], [typeName, "Of the story"]);
  same([made.deprecated, made.archived ?? false], [false, false]);
  await refused(409, () => client.eventType.create(body));
});

await row("event type get", async () => {
  const found = await client.eventType.get(typeName);
  same([found.description, found.schemas], ["Of the story", schemas]);
});

await row("event type upsert", async () => {
  const made = await put(client.eventType)(putName, { description: "Put" });
  same([made.name, made.description], [putName, "Put"]);
  const again = await put(client.eventType)(putName, { description: "Again" });
  same(again.description, "Again");
});

await row("event type patch", async () => {
  const patched = await client.eventType.patch(typeName, { deprecated: true });
  same([patched.description, patched.deprecated], ["Of the story", true]);
});

await row("event type list", async () => {
  const found = await listedTypes({ withContent: true });
  same(found.get(typeName).schemas, schemas);
  assert.ok(found.has(putName));
});

await row("event type archive", async () => {
  await client.eventType.delete(typeName);
  assert.ok(!(await listedTypes()).has(typeName));
  same((await listedTypes({ includeArchived: true })).get(typeName).archived, true);
});

await row("event type expunge", async () => {
  await client.eventType.delete(putName, { expunge: true });
  await refused(404, () => client.eventType.get(putName));
});

// --- the rest

await row("portal access", async () => {
  const access = await client.authentication.appPortalAccess(appUid, {});
  assert.ok(access.url && access.token);
  const portal = new Svix(access.token, { serverUrl });
  same((await portal.application.get(appUid)).uid, appUid);
  await refused(403, () => portal.application.list());
});

await row("health", async () => {
  await client.health.get();
  await new Svix("no key", { serverUrl }).health.get();
});

await row("idempotency key", async () => {
  const how = { options: { idempotencyKey: `key-${run}` } };
  const first = await send("order.once", { payload: { n: 1 } }, how);
  same((await send("order.once", { payload: { n: 1 } }, how)).id, first.id);
  await refused(422, () => send("order.once", { payload: { n: 2 } }, how));
});

await row("errors of the caller", async () => {
  const missing = await refused(404, () => client.application.get("absent"));
  assert.ok(missing.code && missing.detail);
  const taken = await refused(409, () => client.application.create({ name: "x", uid: appUid }));
  assert.ok(taken.code && taken.detail);
  const body = { url: "ftp://example.com/", uid: "not a uid" };
  const invalid = await refused(422, () => client.endpoint.create(appUid, body));
  same(invalid.detail.map((fault) => fault.loc.at(-1)).sort(), ["uid", "url"]);
  const stranger = new Svix("no key", { serverUrl });
  assert.ok((await refused(401, () => stranger.application.list())).code);
});

await row("message expunge", async () => {
  await client.message.expungeContent(appUid, messages.paid);
  const found = await client.message.get(appUid, messages.paid, { withContent: true });
  same(found.payload, { expired: true });
});

await row("attempt expunge", async () => {
  const [attempt] = await attemptsFor(messages.retried, endpoints.failing);
  same(attempt.response, "ok");
  await client.messageAttempt.expungeContent(appUid, messages.retried, attempt.id);
  const found = await attemptsFor(messages.retried, endpoints.failing);
  assert.notEqual(found.find((kept) => kept.id === attempt.id).response, "ok");
});

await row("pages through 1,000 messages", async () => {
  const uid = `${appUid}-pages`;
  await client.application.create({ name: "Pages", uid });
  const sent = [];
  for (let n = 0; n < pagesOf; n += 1) {
    sent.push((await send("order.page", { payload: { n } }, { app: uid })).id);
  }
  let pages = 0;
  const list = (options) => {
    pages += 1;
    return client.message.list(uid, options);
  };
  const seen = await whole(list, { limit: 100 });
  same(
    seen.map((message) => message.id),
    sent.reverse(),
  );
  assert.ok(pages <= pagesOf / 100 + 1);
});

receiver.closeAllConnections();
receiver.close();

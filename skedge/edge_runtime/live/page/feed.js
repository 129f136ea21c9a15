"use strict";
// What the server sends, once for all tabs of a browser: a browser opens six connections to a server
// and no more. Runs as a shared worker, or where there is none in the page itself. A tab says
// {see: true or false}, {token: "..."} and {bye: true}; it is told {kind, ...}.
const tabs = new Map();
const AGAIN = [500, 1000, 2000, 4000];
const SILENCE = 15000;  // the server says something every five seconds
let seen = null;  // {run, last}: the last event that was told
let history = [];  // of this run, for tabs that come later
let latest = {};  // the newest message of these kinds, for the same tabs
let token = null;
let pictures = null;
let started = false;
let wake = () => {};

function tell(message) {
  for (const tab of tabs.keys()) tab.postMessage(message);
}

function remember(message) {
  latest[message.kind] = message;
  tell(message);
}

function connect(tab) {
  tabs.set(tab, false);
  tab.onmessage = ({data}) => {
    if (data.bye) tabs.delete(tab);
    if (data.see !== undefined && tabs.has(tab)) tabs.set(tab, data.see);
    if (data.token !== undefined) { token = data.token; wake(); }
    watch();
    if (!started) { started = true; listen(); }
  };
  for (const message of Object.values(latest)) tab.postMessage(message);
  for (const message of history) tab.postMessage(message);
}

const pause = (milliseconds) => new Promise((done) => { wake = done; setTimeout(done, milliseconds); });

// Reads an answer piece by piece; ends it where nothing comes for long.
async function read(answer, stop, take) {
  const reader = answer.body.getReader();
  let alarm;
  try {
    while (true) {
      alarm = setTimeout(stop, SILENCE);
      const {done, value} = await reader.read();
      clearTimeout(alarm);
      if (done) return;
      take(value);
    }
  } finally {
    clearTimeout(alarm);
  }
}

async function enter() {
  const answer = await fetch("/token", {method: "POST", body: new URLSearchParams({token})});
  if (answer.ok) tell({kind: "entered", token});
  else {
    if (answer.status === 401) token = null;
    remember({kind: "locked", wrong: answer.status === 401,
              wait: Number(answer.headers.get("Retry-After") || 0)});
  }
  return answer.ok;
}

async function listen() {
  let entered = false;  // the token was right, and no events have come since
  let ended = false;  // the server has closed the events itself, and has not come back
  for (let tries = 0; ; tries += 1) {
    const control = new AbortController();
    let cookies = true;
    try {
      if (!seen && token !== null) entered = await enter();
      const headers = seen ? {"Last-Event-ID": seen.run + "-" + seen.last} : {};
      const answer = await fetch("/events", {headers, signal: control.signal, cache: "no-store"});
      if (answer.status === 401 && entered) {
        cookies = entered = false;
        throw new Error("the cookie has not come back");
      }
      if (answer.status === 401 || answer.status === 429) {
        if (token === null || answer.status === 429 || !(entered = await enter())) {
          if (token === null && !latest.locked) remember({kind: "locked", wrong: false, wait: 0});
          await pause(token === null ? 3600000 : 5000);
        }
        continue;
      }
      if (!answer.ok) throw new Error(answer.status);
      delete latest.lost;
      delete latest.locked;
      entered = ended = false;
      tries = -1;
      tell({kind: "open"});
      watch(true);
      const decoder = new TextDecoder();
      let text = "";
      await read(answer, () => control.abort(), (piece) => {
        text += decoder.decode(piece, {stream: true});
        const parts = text.split("\n\n");
        text = parts.pop();
        parts.forEach(take);
      });
      ended = true;
    } catch (error) { /* the server has gone, or knows nobody: said below */ }
    remember({kind: "lost", cookies, ended});
    await pause(AGAIN[Math.min(Math.max(tries, 0), AGAIN.length - 1)]);
  }
}

function take(part) {
  const fields = {};
  for (const line of part.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  if (fields.data === undefined) return;
  const message = {kind: fields.event, data: JSON.parse(fields.data)};
  if (message.kind === "server") {
    if (!seen || seen.run !== message.data.run) {
      seen = {run: message.data.run, last: 0};
      history = [];
      latest = {};
      tell({kind: "anew"});
    }
    remember(message);
  } else if (fields.id) {
    seen.last = Number(fields.id.split("-")[1]);
    history.push(message);
    if (history.length > 100) history.shift();
    tell(message);
  } else remember(message);
}

// One picture stream for all tabs that are seen; none where nobody looks.
function watch(anew = false) {
  const wanted = [...tabs.values()].some(Boolean);
  if (pictures && (anew || !wanted)) { pictures.abort(); pictures = null; }
  if (wanted && !pictures && (anew || latest.state)) {
    pictures = new AbortController();
    look(pictures);
  }
}

async function look(control) {
  try {
    const answer = await fetch("/stream", {signal: control.signal, cache: "no-store"});
    if (answer.status === 404) tell({kind: "blind"});
    if (answer.ok) {
      let rest = new Uint8Array(0);
      await read(answer, () => control.abort(), (piece) => { rest = cut(join(rest, piece)); });
    }
  } catch (error) { /* told by the event stream, which breaks with it */ }
  if (pictures === control) {
    pictures = null;
    setTimeout(watch, 2000);
  }
}

function join(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

// Takes whole pictures out of a piece of the stream: boundary, head, picture. What is left comes back.
function cut(bytes) {
  while (true) {
    let end = -1;
    for (let i = 0; i + 3 < bytes.length && i < 1000; i += 1) {
      if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) { end = i + 4; break; }
    }
    if (end < 0) return bytes;
    const head = new TextDecoder().decode(bytes.subarray(0, end));
    const size = Number(/Content-Length: (\d+)/.exec(head)[1]);
    if (bytes.length < end + size) return bytes;
    const picture = new Blob([bytes.subarray(end, end + size)], {type: "image/jpeg"});
    for (const [tab, sees] of tabs) if (sees) tab.postMessage({kind: "picture", picture});
    bytes = bytes.slice(end + size);
  }
}

self.connectFeed = connect;
self.onconnect = (event) => connect(event.ports[0]);

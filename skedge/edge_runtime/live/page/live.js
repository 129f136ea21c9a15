"use strict";
const part = (id) => document.getElementById(id);
const EVENTS = 100;
const KEPT = "skedge token";

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function sayStatus(text, kind) {
  part("status").className = kind;
  part("status").lastElementChild.textContent = text;
}

// Where the browser is slower than the camera only the newest picture counts.
let newest = null, drawing = false;
async function showPicture(picture) {
  newest = picture;
  if (drawing) return;
  drawing = true;
  try {
    while (newest) {
      const next = newest;
      newest = null;
      await draw(next);
    }
  } finally {
    drawing = false;
  }
}

async function draw(picture) {
  const image = await createImageBitmap(picture), canvas = part("video");
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.close();
}

// Elements are kept and changed, so that the bars move instead of being made anew.
function fit(list, count, make) {
  while (list.children.length < count) list.append(make());
  while (list.children.length > count) list.lastElementChild.remove();
  return list.children;
}

function makeAnswer() {
  const made = element("div", undefined, "answer");
  const track = element("div", undefined, "track");
  track.append(element("div"));
  made.append(element("span"), track, element("span"));
  return made;
}

function makePerson() {
  const made = element("div", undefined, "person");
  made.append(element("h3"), element("p"), element("div"));
  return made;
}

function showPeople(people, looking) {
  part("nobody").hidden = people.length > 0;
  part("nobody").textContent = looking ? "nobody in view" : "waiting for pictures";
  const cards = fit(part("people"), people.length, makePerson);
  people.forEach((person, i) => {
    const [title, words, answers] = cards[i].children;
    const doing = person.doing.map((event) => event.event + " goes on: " + sizeOf(event)).join(", ");
    title.textContent = person.id === null ? "Scene" : "Person " + person.id;
    words.textContent = !person.whole ? "no whole body in view" : person.problem || doing || (person.upper ? "from the hips up: actions of the arms" : person.top.length ? "" : "in view");
    words.hidden = !words.textContent;
    const rows = fit(answers, person.top.length, makeAnswer);
    person.top.forEach((answer, k) => {
      const [label, track, share] = rows[k].children;
      label.textContent = label.title = answer.label;
      track.firstElementChild.style.transform = "scaleX(" + answer.probability + ")";
      share.textContent = (100 * answer.probability).toFixed(0) + " %";
    });
  });
}

function showPairs(list, pairs) {
  const cells = fit(list, pairs.length, () => {
    const made = element("div");
    made.append(element("dt"), element("dd"));
    return made;
  });
  pairs.forEach(([name, value, kind], i) => {
    cells[i].firstElementChild.textContent = name;
    cells[i].lastElementChild.textContent = value;
    cells[i].lastElementChild.className = kind || "";
  });
}

function size(bytes) {
  return bytes < 2 ** 30 ? (bytes / 2 ** 20).toFixed(0) + " MB" : (bytes / 2 ** 30).toFixed(1) + " GB";
}

function showState(state) {
  sayStatus(state.source + (state.status ? ": " + state.status : ""), state.status ? "bad" : "good");
  part("banner").textContent = state.banner;
  part("banner").hidden = !state.banner;
  showPeople(state.people, state.looking);
  showPairs(part("rates"), Object.entries(state.rates).map(([name, rate]) => [name, rate.toFixed(1) + " Hz"]));
  const times = Object.entries(state.latencies);
  const rows = fit(part("latencies"), times.length, () => {
    const made = element("tr");
    made.append(element("td"), element("td"), element("td"));
    return made;
  });
  times.forEach(([name, one], i) => {
    const [stage, median, high] = rows[i].children;
    stage.textContent = name;
    median.textContent = one.p50.toFixed(1);
    high.textContent = one.p95.toFixed(1);
  });
  const health = state.health;
  if (health.rss === undefined) return;  // in the very first moment
  const pairs = [["memory used", size(health.rss)], ["memory free", size(health.available)],
                 ["CPU", health.cpu.toFixed(0) + " %"]];
  if (health.temperature !== null) pairs.push(["temperature", health.temperature.toFixed(1) + " °C"]);
  if (health.throttled !== null) pairs.push(["throttling", health.throttled.join(", ") || "none", health.throttled.length ? "bad" : ""]);
  showPairs(part("health"), pairs);
}

// How long an action lasted and how often it was done, as far as that is known.
function sizeOf(event) {
  const parts = [];
  if (event.length !== null) parts.push(event.length.toFixed(1) + " s");
  if (event.repetitions > 1) parts.push(event.repetitions + "\u00d7");
  return parts.join(" · ");
}

// The end of an action takes the place of its beginning. Whose it is stands there once there are several.
const people = new Set();
function showEntry(entry, kind) {
  const made = element("li", undefined, kind);
  if (kind === "action") {
    made.dataset.id = entry.id;
    const before = part("events").querySelector('[data-id="' + entry.id + '"]');
    if (before) before.remove();
  }
  const time = element("time", new Date(entry.time).toLocaleTimeString([], {hour12: false}));
  made.append(time, element("b", kind === "note" ? entry.note : entry.event));
  if (kind === "action") {
    people.add(entry.person);
    const whose = people.size < 2 ? "" : "person " + entry.person + " · ";
    const sizes = sizeOf(entry);
    made.append(element("small", whose + (100 * entry.confidence).toFixed(0) + " %" + (sizes ? " · " + sizes : "")));
  }
  part("events").prepend(made);
  part("none").hidden = true;
  if (part("events").children.length > EVENTS) part("events").lastElementChild.remove();
}

function forget() {
  demo.anew();
  people.clear();
  part("events").replaceChildren();
  part("none").hidden = false;
}

function ask(wrong, wait) {
  sayStatus("the token is needed", "bad");
  part("wrong").textContent = wait ? "too many wrong tokens, wait " + wait + " s" : wrong ? "that is not the token" : "";
  if (wrong) localStorage.removeItem(KEPT);
  if (!part("entry").open) part("entry").showModal();
}

const told = {
  anew: forget,
  server: () => {},
  open: () => { document.body.classList.remove("lost"); part("entry").close(); },
  lost: ({cookies, ended}) => {
    document.body.classList.add("lost");
    const lost = "connection lost, " + (ended ? "as skedge has ended; it is shown again when it is started" : "trying again");
    sayStatus(cookies ? lost : "the token is right, but needs a cookie: allow cookies for this page", "bad");
  },
  locked: (message) => { document.body.classList.add("lost"); ask(message.wrong, message.wait); },
  entered: (message) => localStorage.setItem(KEPT, message.token),
  state: (message) => { document.body.classList.remove("lost"); showState(message.data); demo.state(message.data); },
  action: (message) => { showEntry(message.data, "action"); demo.action(message.data); },
  note: (message) => showEntry(message.data, "note"),
  picture: (message) => showPicture(message.picture),
};

// The feed is one for all tabs where the browser has shared workers, else the page's own.
function openFeed() {
  if (window.SharedWorker) return new SharedWorker("/feed.js").port;
  const {port1, port2} = new MessageChannel();
  import("/feed.js").then(() => self.connectFeed(port1));
  return port2;
}

const feed = openFeed();
const see = () => feed.postMessage({see: !document.hidden});
feed.onmessage = ({data}) => { if (told[data.kind]) told[data.kind](data); };

// The token stays in the address only until the page has it.
const token = new URLSearchParams(location.search).get("token") || localStorage.getItem(KEPT);
if (location.search) history.replaceState(null, "", location.pathname);
if (token) feed.postMessage({token});
see();
document.addEventListener("visibilitychange", see);
addEventListener("pagehide", () => feed.postMessage({bye: true}));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
part("entry").addEventListener("cancel", (event) => event.preventDefault());
part("entry").firstElementChild.addEventListener("submit", (event) => {
  event.preventDefault();
  feed.postMessage({token: part("token").value});
});

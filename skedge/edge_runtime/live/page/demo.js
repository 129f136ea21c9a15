"use strict";
// What makes the page one to show: the large current action, the last minute, buttons, sound, the table
// of events. live.js tells it what came.
const demo = (() => {
  const find = (id) => document.getElementById(id);
  const MINUTE = 60000, KEPT = 1000, NEWS = 5000;
  const SAID = 2000;  // an answer says nothing about later moments: the connection may have been away
  const samples = [];  // of the last minute: {time, label, probability}
  const marks = [];  // events of the last minute: {time, label}
  let actions = [];  // for the table
  let sound = null;
  let view = {rotation: 0, mirrored: false, bodies_only: false, private: false};
  let drawn = 0;
  let ahead = null;  // how far the camera's clock is before this one, in milliseconds

  // What is no action is grey; actions are as far apart on the wheel as they come.
  const NO_ACTIONS = ["idle", "other"], known = [];
  const colour = (label) => {
    if (NO_ACTIONS.includes(label)) return "hsl(215 10% 55%)";
    if (!known.includes(label)) known.push(label);
    return "hsl(" + (28 + 137.5 * known.indexOf(label)) % 360 + " 70% 55%)";
  };

  function showNow(people) {
    const person = people.find((one) => one.whole && one.top.length);
    const doer = people.find((one) => one.doing.length), going = doer && doer.doing[0];
    find("now").hidden = !person;
    if (!person) return null;
    const best = person.top[0];
    const [label, share] = find("now").children;
    label.textContent = going ? going.event : best.label;
    // What goes on is not always the likeliest, nor among the five that are.
    const said = going ? doer.top.find((one) => one.label === going.event) : best;
    share.textContent = said ? (100 * said.probability).toFixed(0) + " %" : "";
    find("now").classList.toggle("going", Boolean(going));
    find("now").classList.toggle("quiet", !going && NO_ACTIONS.includes(best.label));
    return best;
  }

  function state(message) {
    const now = Date.now(), best = showNow(message.people);
    // The clock was put back: what is later than now would stay, and keep the rest from being drawn.
    if (samples.length && samples.at(-1).time > now) samples.length = marks.length = drawn = 0;
    samples.push({time: now, label: best ? best.label : "", probability: best ? best.probability : 0});
    while (samples.length && samples[0].time < now - MINUTE) samples.shift();
    while (marks.length && marks[0].time < now - MINUTE) marks.shift();
    if (now - drawn > 500 && !document.hidden) { drawn = now; draw(now); }
    ahead = Date.parse(message.time) - now;
    view = message.view || view;
    press("mirror", view.mirrored);
    press("bodies", view.bodies_only);
    find("bodies").disabled = view.private;
    control.state(message.control);
  }

  // Above the bars the events' names, below them the seconds.
  function draw(now) {
    const canvas = find("timeline"), scale = devicePixelRatio || 1, line = 15 * scale;
    const width = canvas.clientWidth * scale, height = canvas.clientHeight * scale;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.body);
    const quiet = style.getPropertyValue("--quiet"), across = (time) => width * (1 - (now - time) / MINUTE);
    const top = line * 1.4, bottom = height - line * 1.2, tall = bottom - top;
    pen.clearRect(0, 0, width, height);
    pen.textBaseline = "middle";
    pen.font = 11 * scale + "px " + style.fontFamily;
    pen.fillStyle = quiet;
    for (let seconds = 10; seconds < 60; seconds += 10) {
      pen.textAlign = "center";
      pen.fillText("-" + seconds + " s", across(now - 1000 * seconds), bottom + line * 0.65);
    }
    pen.textAlign = "left";
    samples.forEach((sample, i) => {
      if (!sample.label) return;
      const end = Math.min(samples[i + 1] ? samples[i + 1].time : now, sample.time + SAID), high = tall * sample.probability;
      pen.fillStyle = colour(sample.label);
      pen.fillRect(across(sample.time), bottom - high, Math.max(across(end) - across(sample.time), 1) + 0.5, high);
    });
    pen.globalAlpha = 0.35;
    pen.fillStyle = quiet;
    for (const share of [0, 0.5, 1]) pen.fillRect(0, bottom - share * tall, width, scale);
    pen.globalAlpha = 1;
    pen.fillText("100 %", 4 * scale, top + line * 0.6);
    pen.fillText("50 %", 4 * scale, top + tall / 2 + line * 0.6);
    pen.font = "600 " + 12 * scale + "px " + style.fontFamily;
    let free = width;  // names do not overlap: an older one that has no room is left out
    for (const mark of [...marks].reverse()) {
      const place = across(mark.time), long = pen.measureText(mark.label).width;
      pen.fillStyle = style.color;
      pen.fillRect(place, top * 0.2, 2 * scale, bottom - top * 0.2);
      const right = place + 6 * scale, left = right + long < width ? right : place - long - 4 * scale;
      if (left + long > free) continue;
      free = left - 8 * scale;
      pen.fillText(mark.label, left, top / 2);
    }
  }

  function action(entry) {
    actions.push(entry);
    if (actions.length > KEPT) actions.shift();
    const time = Date.parse(entry.time);
    if (entry.phase !== "begun" || ahead === null || Date.now() + ahead - time > NEWS) return;
    marks.push({time: Date.now(), label: entry.event});
    if (sound) beep();
  }

  function beep() {
    const tone = sound.createOscillator(), loud = sound.createGain(), at = sound.currentTime;
    tone.frequency.value = 880;
    loud.gain.setValueAtTime(0.2, at);
    loud.gain.exponentialRampToValueAtTime(0.001, at + 0.25);
    tone.connect(loud).connect(sound.destination);
    tone.start(at);
    tone.stop(at + 0.25);
  }

  // A table that spreadsheets open; a text that looks like a formula is made none.
  function table() {
    const columns = ["time", "event", "phase", "id", "person", "confidence", "start", "end", "length", "repetitions", "device"];
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      return '"' + (typeof value === "string" && /^[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""') + '"';
    };
    return [columns.join(), ...actions.map((one) => columns.map((name) => cell(one[name])).join())].join("\r\n") + "\r\n";
  }

  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], {type: "text/csv"}));
    link.download = "events.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const press = (id, on) => find(id).setAttribute("aria-pressed", String(on));

  // The camera's computer draws for all who look: the others see the change, too.
  const change = (wanted) => control.change(wanted);

  const tools = {
    mirror: () => change({mirrored: !view.mirrored}),
    bodies: () => change({bodies_only: !view.bodies_only}),
    rotate: () => change({rotation: (view.rotation + 90) % 360}),
    full: () => (document.fullscreenElement ? document.exitFullscreen() : find("stage").requestFullscreen()),
    sound: () => {
      if (sound) sound.close();
      sound = sound ? null : new AudioContext();
      press("sound", Boolean(sound));
      if (sound) beep();
    },
    download,
  };
  for (const [id, use] of Object.entries(tools)) find(id).addEventListener("click", use);
  document.addEventListener("fullscreenchange", () => press("full", Boolean(document.fullscreenElement)));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || find("entry").open || event.target.matches("input")) return;
    const button = document.querySelector('button[aria-keyshortcuts="' + CSS.escape(event.key.toLowerCase()) + '"]');
    if (button && !button.disabled) button.click();
  });

  return {state, action, table, anew: () => { actions = []; }};
})();

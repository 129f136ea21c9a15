"use strict";
// What a viewer may change: threshold, people, the recording, and actions of one's own.
const control = (() => {
  const find = (id) => document.getElementById(id);
  const percent = (share) => (100 * share).toFixed(0) + " %";
  let now = null;

  // The server refuses in one line what cannot be.
  async function change(wanted) {
    let refused = "";
    try {
      const answer = await fetch("/view", {method: "POST", body: JSON.stringify(wanted)});
      if (!answer.ok) refused = (await answer.text()).replace(/^\d+: /, "").trim();
    } catch (error) {
      refused = "the camera cannot be reached: nothing was changed";
    }
    find("refused").textContent = refused;
    return !refused;
  }

  function put(field, value) {
    if (document.activeElement !== field) field.value = value;
  }

  function state(message) {
    now = message;
    document.querySelector(".control").hidden = !message;
    find("record").disabled = !message || message.recording === null;
    if (!message) return;
    find("record").setAttribute("aria-pressed", String(Boolean(message.recording)));
    find("record").title = message.recording === null ? "start skedge with --record FOLDER to store films" : "store films (V)";
    find("least").textContent = message.threshold === null ? "model's own" : percent(message.threshold);
    put(find("threshold"), message.threshold === null ? 0.5 : message.threshold);
    find("threshold").classList.toggle("unset", message.threshold === null);
    find("own-threshold").disabled = message.threshold === null;
    find("crowd").hidden = message.people === null;
    put(find("number"), message.people === null ? "" : message.people);
    find("lessons").hidden = !message.lessons;
    if (message.lessons) showLessons(message.lessons);
  }

  function showLessons(lessons) {
    const busy = Boolean(lessons.doing), others = lessons.other_seconds, least = lessons.least_other_seconds;
    const clips = Object.entries(lessons.clips);
    for (const button of find("lesson").querySelectorAll("button")) button.disabled = busy;
    find("stop").hidden = !lessons.doing.startsWith("recording");
    find("stop").disabled = false;
    find("teach").disabled = busy || others < least || !clips.some(([, count]) => count > 1);
    const stored = clips.map(([label, count]) => count + (count === 1 ? " clip of " : " clips of ") + label);
    stored.push(Math.floor(others) + " s of anything else" + (others < least ? " (" + least + " s are needed)" : ""));
    const text = lessons.doing || (lessons.problem ? lessons.problem + " · " : "") + stored.join(" · ");
    if (find("stored").textContent !== text) find("stored").textContent = text;
    const report = lessons.report;
    const lines = report === null ? [] : Object.entries(report.taught).map(([label, one]) =>
      label + " is known now: expect " + one.recall + " % to be seen, " + one.false_per_hour + " false an hour");
    if (report) lines.push(...report.warnings);
    if (find("taught").textContent !== lines.join("")) {
      find("taught").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), {textContent: line})));
    }
  }

  find("threshold").addEventListener("change", (event) => change({threshold: Number(event.target.value)}));
  find("own-threshold").addEventListener("click", () => change({threshold: null}));
  find("number").addEventListener("change", (event) => change({people: Number(event.target.value)}));
  find("record").addEventListener("click", () => change({recording: !now.recording}));
  find("lesson").addEventListener("submit", (event) => {
    event.preventDefault();
    change({lesson: {record: find("name").value.trim(), clips: Number(find("clips").value)}});
  });
  find("other").addEventListener("click", () => change({lesson: {record: "other", clips: 6}}));
  find("teach").addEventListener("click", () => change({lesson: {teach: true}}));
  find("stop").addEventListener("click", () => change({lesson: {stop: true}}));

  return {state, change};
})();

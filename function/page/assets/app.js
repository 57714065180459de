"use strict";

// The form sends its row to /predict and shows the answer; the curl line below it
// always sends the same row.
(() => {
  const form = document.getElementById("row");
  const answer = document.getElementById("answer");
  const problem = document.getElementById("problem");
  const curl = document.getElementById("curl");

  // A number goes as the person wrote it, so that the server judges it, not we; so
  // does a text, with its blanks.
  const literal = (field) => {
    const { kind, nullable } = field.dataset;
    const text = kind === "number" ? field.value.trim() : field.value;
    if (text === "" && nullable === "true") return "null";
    if (kind === "bool") return text;
    if (kind === "text") return JSON.stringify(text);
    return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? text : JSON.stringify(text);
  };
  const body = () => {
    const members = [...form.elements].filter((f) => f.name).map((f) => JSON.stringify(f.name) + ":" + literal(f));
    return "[{" + members.join(",") + "}]";
  };
  const line = (tag, text, parent) => {
    const e = document.createElement(tag);
    e.textContent = text;
    parent.append(e);
    return e;
  };
  const update = () => {
    const quoted = body().replaceAll("'", "'\\''");
    curl.textContent = `curl ${location.origin}/predict -H 'Content-Type: application/json' -d '${quoted}'`;
  };
  // Times from the click to the whole answer, as this browser saw them.
  const times = [];
  const clock = (took) => {
    times.push(took);
    const shown = times.slice(-20);
    const sorted = [...shown].sort((a, b) => a - b);
    const slowest = sorted[sorted.length - 1];
    const svg = document.getElementById("latencies");
    svg.replaceChildren();
    shown.forEach((t, i) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = Math.max(1, (38 * t) / slowest);
      for (const [name, value] of Object.entries({ x: 10 * i, y: 40 - height, width: 8, height })) bar.setAttribute(name, value);
      svg.append(bar);
    });
    const median = sorted[Math.floor(sorted.length / 2)];
    const past = shown.length > 1 ? `; median of the last ${shown.length}: ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms` : "";
    document.getElementById("latency-text").textContent = `${took.toFixed(1)} ms from this browser to the server and back${past}.`;
    document.getElementById("latency").hidden = false;
  };
  const show = (reply) => {
    const p = reply.predictions[0];
    if (p.class !== undefined) line("p", `Class: ${p.class} (label ${p.label})`, answer);
    if (p.prediction !== undefined) line("p", `Prediction: ${p.prediction}`, answer);
    for (const [name, value] of Object.entries(p.probabilities ?? {})) {
      const row = line("p", `${name}: ${(100 * value).toFixed(1)} % `, answer);
      const meter = line("meter", "", row);
      meter.value = value;
      meter.setAttribute("aria-label", `probability of ${name}`);
    }
    for (const [name, values] of Object.entries(p.outputs ?? {})) line("p", `${name}: ${values.join(", ")}`, answer);
    for (const w of p.warnings ?? []) line("p", `Note: ${w}.`, answer);
    const revision = reply.revision ? `, revision ${reply.revision}` : "";
    line("p", `Answered by ${reply.model} version ${reply.version}${revision}, pod ${reply.pod}.`, answer);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.replaceChildren();
    problem.replaceChildren();
    try {
      const start = performance.now();
      const response = await fetch("/predict", { method: "POST", headers: { "Content-Type": "application/json" }, body: body() });
      const reply = await response.json();
      clock(performance.now() - start);
      if (response.ok) show(reply);
      else line("p", reply.error, problem);
    } catch (error) {
      line("p", `No answer: ${error.message}`, problem);
    }
  });
  form.addEventListener("input", update);
  document.getElementById("example")?.addEventListener("change", (event) => {
    const row = JSON.parse(document.getElementById("examples").textContent)[event.target.value].Row;
    for (const field of form.elements) if (field.name) field.value = row[field.name];
    update();
  });
  update();
})();

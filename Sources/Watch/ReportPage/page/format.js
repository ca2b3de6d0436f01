"use strict";

// Numbers as text. All sizes are in bytes, with binary units.

const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

function bytesText(value) {
  if (value === 0) return "0";
  let power = 0;
  while (value >= 1024 && power < units.length - 1) {
    value /= 1024;
    power += 1;
  }
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[power]}`;
}

const countText = d3.format(",");

function percentText(part, whole) {
  return whole > 0 ? `${Math.floor((part / whole) * 100)} %` : "";
}

/** A duration in microseconds, or nothing if it is not known. */
function latencyText(microseconds) {
  if (microseconds === null || microseconds < 0) return "";
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(2)} s`;
  if (microseconds >= 1000) return `${(microseconds / 1000).toFixed(microseconds < 10000 ? 2 : 1)} ms`;
  return `${microseconds.toFixed(0)} µs`;
}

/** A point of the x axis: seconds since the first request, or the number of a request if the log has no times. */
function momentText(value) {
  if (value === null || value < 0) return "";
  return report.timed ? `${value.toFixed(3)} s` : countText(value);
}

const kindWords = {
  v: "disk", p: "partition", l: "volume", d: "directory", f: "file", m: "metadata", s: "swap", b: "boot",
  r: "parity", u: "free", a: "unwritten", "-": "no object",
};

function kindText(letter) {
  return kindWords[letter] || `kind ${letter}`;
}

/** An element with this text. Names are only ever set in this way, so that none can be read as markup. */
function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

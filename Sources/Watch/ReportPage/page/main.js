// Puts the page together, and follows links to an object: the part of the address behind the `#` is its name, or that
// of a directory with a slash at its end.

/** The columns of a table of `report`. */
function figureColumns(rows, nameColumn) {
  const value = (part, name) => (row) => rows[part][name][row];
  const repeated = (part) => (row) => Math.max(0, rows[part].bytes[row] - rows[part].distinct[row]);
  const amplification = (row) => (rows.read.distinct[row] > 0 ? rows.read.bytes[row] / rows.read.distinct[row] : null);
  const sequential = (row) =>
    (rows.read.requests[row] > 0 ? rows.read.sequential[row] / rows.read.requests[row] : null);
  const column = (title, value, text, isWide) => ({ title, value, text: (row) => text(value(row)), isWide });
  const columns = [
    nameColumn,
    column("read", value("read", "bytes"), bytesText, false),
    column("distinct", value("read", "distinct"), bytesText, true),
    column("re-read", repeated("read"), bytesText, true),
    column("amplification", amplification, (number) => (number === null ? "" : number.toFixed(2)), true),
    column("requests", value("read", "requests"), countText, false),
    column("sequential", sequential, (share) => (share === null ? "" : percentText(share, 1)), true),
    column("first", value("read", "first"), momentText, true),
    column("last", value("read", "last"), momentText, true),
  ];
  // Most logs of a boot have no writes to most things, and some have none at all.
  if (rows.write.requests.some((count) => count > 0)) {
    columns.push(
      column("written", value("write", "bytes"), bytesText, false),
      column("distinct written", value("write", "distinct"), bytesText, true),
      column("writes", value("write", "requests"), countText, true));
  }
  return columns;
}

function nameColumn(title, name, color) {
  return { title, value: name, text: name, isName: true, color };
}

const sections = {};
for (const name of ["summary", "chosen", "timeline", "phases", "objects", "directories", "devices", "kinds"]) {
  sections[name] = document.getElementById(name);
}

document.title = `${report.log} - virt-bmap report`;
document.getElementById("log").textContent = report.log;
document.getElementById("moment").textContent = report.timed
  ? `${d3.format(",.3f")(report.span)} seconds` : `${countText(report.span)} requests; the log has no times`;
for (const remark of report.remarks) document.getElementById("remarks").append(element("li", remark));
showSummary();

const timeline = report.accesses.count > 0 ? makeTimeline(sections.timeline, chooseObject) : null;
if (!timeline) sections.timeline.hidden = true;
if (report.accesses.merged > 0) {
  sections.timeline.append(element("p", `${countText(report.accesses.merged)} accesses are drawn as ` +
    `${countText(report.accesses.count)}: those close to each other are drawn as one.`, "note"));
}
showPhases();

const aliases = new Map(report.aliases.map(({ row, names }) => [row, names]));
let chosenRow = -1;
const objectTable = makeTable(sections.objects, figureColumns(
  report.objects, nameColumn("name", objectName, (row) => kindColor(report.objects.kind[row]))), objectCount, {
  sortBy: 1, name: objectName, link: (row) => linkTo(objectName(row)), isChosen: (row) => row === chosenRow,
  note: report.leftOut.objects > 0
    ? `${countText(report.leftOut.objects)} more, of which ${bytesText(report.leftOut.bytes)} were read or written, ` +
      "are not in this table." : null,
});

function directoryName(row) {
  const path = report.directories.path[row];
  return `${report.devices[report.directories.device[row]]} ${path === "/" ? "/" : `${path}/`}`;
}

makeTable(sections.directories, figureColumns(report.directories, nameColumn("directory", directoryName)),
  report.directories.path.length,
  { sortBy: 1, name: directoryName, link: (row) => linkTo(directoryName(row)) });

function deviceName(row) { return report.devices[report.byDevice.device[row]]; }

makeTable(sections.devices, figureColumns(report.byDevice, nameColumn("device", deviceName)),
  report.byDevice.device.length, { sortBy: 1 });

function kindName(row) { return kindText(report.byKind.kind[row]); }

makeTable(sections.kinds, figureColumns(
  report.byKind, nameColumn("kind", kindName, (row) => kindColor(report.byKind.kind[row]))),
  report.byKind.kind.length, { sortBy: 1 });

function showSummary() {
  const body = document.getElementById("totals").tBodies[0];
  for (const { name, counts, median, slowest } of report.operations) {
    const row = body.insertRow();
    const repeated = Math.max(0, counts.bytes - counts.distinct);
    const texts = [
      name, countText(counts.requests), bytesText(counts.bytes), bytesText(counts.distinct), bytesText(repeated),
      counts.distinct > 0 ? (counts.bytes / counts.distinct).toFixed(2) : "",
      percentText(counts.sequential, counts.requests), latencyText(median), latencyText(slowest),
    ];
    for (const text of texts) row.insertCell().textContent = text;
  }
}

function showPhases() {
  sections.phases.hidden = report.phases.length === 0;
  const list = document.getElementById("phase-list");
  report.phases.forEach((phase, index) => {
    const item = element("li", undefined, `phase-${index % 4}`);
    item.append(element("h3", phase.name), element("p", `${momentText(phase.begin)} to ${momentText(phase.end)}: ` +
      `${bytesText(phase.bytes)} read by ${countText(phase.requests)} requests, ` +
      `${countText(phase.objects)} objects`));
    const names = element("ol");
    for (const { row, bytes } of phase.top) {
      const line = element("li");
      const link = element("a", row < objectCount ? objectName(row) : "(others)");
      if (row < objectCount) link.href = linkTo(objectName(row));
      line.append(link, ` ${bytesText(bytes)}`);
      names.append(line);
    }
    item.append(names);
    list.append(item);
  });
}

function linkTo(name) { return `#${encodeURIComponent(name)}`; }

function chooseObject(row) { location.hash = linkTo(objectName(row)); }

/** Shows the object or the directory that the address names. */
function followLink() {
  let name = "";
  try {
    name = decodeURIComponent(location.hash.slice(1));
  } catch {
    // Not the encoding of a name: nothing is chosen.
  }
  const rows = name === "" ? [] : d3.range(objectCount).filter((row) => objectName(row) === name);
  const isDirectory = rows.length === 0 && name.endsWith("/");
  chosenRow = rows.length > 0 ? rows[0] : -1;
  sections.chosen.hidden = name === "";
  if (name !== "") showChosen(name, rows, isDirectory);
  if (timeline) {
    const chosen = new Set(rows);
    timeline.highlight(name === "" || (rows.length === 0 && !isDirectory) ? null
      : (row) => (isDirectory ? objectName(row).startsWith(name) : chosen.has(row)));
  }
  objectTable.find(isDirectory ? name : "");
}

function showChosen(name, rows, isDirectory) {
  document.getElementById("chosen-name").textContent = name;
  const lines = [];
  for (const row of rows) {
    const { read, write } = report.objects;
    lines.push(`${kindText(report.objects.kind[row])}: ${bytesText(read.bytes[row])} read by ` +
      `${countText(read.requests[row])} requests, ${bytesText(read.distinct[row])} of it distinct` +
      (write.requests[row] > 0 ? `; ${bytesText(write.bytes[row])} written` : ""));
    if (read.first[row] !== null) {
      lines.push(`first read ${momentText(read.first[row])}, last read ${momentText(read.last[row])}`);
    }
    for (const other of aliases.get(row) || []) lines.push(`also ${other}`);
  }
  if (isDirectory) lines.push("The table of files shows what is in this directory.");
  if (rows.length === 0 && !isDirectory) lines.push("This log does not name it.");
  document.getElementById("chosen-lines").replaceChildren(...lines.map((line) => element("p", line)));
}

document.getElementById("chosen-close").addEventListener("click", () => {
  history.replaceState(null, "", location.pathname + location.search);
  followLink();
});
window.addEventListener("hashchange", followLink);
followLink();
document.documentElement.dataset.ready = Math.round(performance.now());

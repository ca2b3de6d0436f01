// What the page was made from: a JSON document, and the accesses in arrays of numbers.

const report = JSON.parse(document.getElementById("report-data").textContent);

function bytesOf(id) {
  const text = document.getElementById(id).textContent.trim();
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let index = 0; index < decoded.length; index += 1) bytes[index] = decoded.charCodeAt(index);
  return bytes;
}

/** The accesses, sorted by disk and time. Each array has one number for each. */
const accesses = {
  /** In units of report.tick after the first request. */
  time: new Uint32Array(bytesOf("access-times").buffer),
  /** In units of the disk's `unit`. */
  position: new Uint32Array(bytesOf("access-positions").buffer),
  /** In bytes. */
  length: new Uint32Array(bytesOf("access-lengths").buffer),
  /** The row of the object in the table of objects; others follow after the last row, see report.others. */
  object: new Uint32Array(bytesOf("access-objects").buffer),
  /** The number of the operation in `operations`. */
  operation: bytesOf("access-operations"),
};

const operations = ["read", "write", "trim", "zero", "flush", "cache"];

/** The kind of each row of the table of objects, as the index of a letter in `kinds`. */
const kinds = [...new Set([...report.objects.kind, ...report.others])];
const kindOfObject = Uint8Array.from(
  [...report.objects.kind, ...report.others].map((letter) => kinds.indexOf(letter)));

const objectCount = report.objects.kind.length;

function objectName(row) {
  if (row >= objectCount) return `(other ${kindText(report.others[row - objectCount])})`;
  const path = report.objects.path[row];
  const device = report.devices[report.objects.device[row]];
  return path === null ? device : `${device} ${path}`;
}

/** The first index at which a sorted part of an array has at least this value. */
function lowerBound(array, value, from, to) {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (array[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

// The timeline: a lane for each disk, the phases above and the throughput below, which share the x axis.

const laneHeight = 260;
const phaseHeight = 20;
const rateHeight = 110;

function makeTimeline(section, choose) {
  const view = section.querySelector(".view");
  const tooltip = document.getElementById("tooltip");
  const look = {
    colors: readColors(), hiddenKinds: kinds.map(() => false), hiddenOperations: operations.map(() => false),
    chosen: null,
  };
  const zoom = d3.zoom().scaleExtent([1, 1e5]).filter(isZoom).on("zoom", () => {
    transform = d3.event.transform;
    schedule();
  });
  let transform = d3.zoomIdentity;
  let isScheduled = false;
  const lanes = report.disks.map((disk) => makeLane(disk));
  const phases = d3.select(view).insert("svg", ":first-child").attr("height", report.phases.length ? phaseHeight : 0);
  const axis = d3.select(view).append("svg").attr("height", 24);
  axis.append("g").attr("class", "time-axis");
  const rates = d3.select(view).append("svg").attr("height", rateHeight).attr("class", "rates");
  for (const name of ["read", "write"]) rates.append("path").attr("class", name);
  rates.append("g").attr("class", "rate-axis");
  makeLegend(section, look, schedule);
  for (const [name, factor] of [["in", 2], ["out", 0.5]]) {
    section.querySelector(`.zoom-${name}`).addEventListener("click", () => zoom.scaleBy(base(), factor));
  }
  section.querySelector(".zoom-reset").addEventListener("click", () => zoom.transform(base(), d3.zoomIdentity));
  section.querySelector(".zoom-both").addEventListener("change", schedule);
  new ResizeObserver(resize).observe(view);
  // The width of a page of paper in pixels: a canvas is not laid out again when it is printed.
  for (const [event, width] of [["beforeprint", "960px"], ["afterprint", ""]]) {
    window.addEventListener(event, () => {
      view.style.width = width;
      resize();
    });
  }
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => {
      look.colors = readColors();
      draw();
    });
  }

  function base() { return d3.select(lanes[0].canvas); }

  function makeLane(disk) {
    const lane = element("div", undefined, "lane");
    const svg = d3.select(lane).append("svg").attr("height", laneHeight);
    svg.append("g").attr("class", "position-axis");
    const canvas = element("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `accesses to disk ${disk.disk} over time; the tables below have the figures`);
    lane.append(canvas);
    if (report.disks.length > 1) view.append(element("h3", `disk ${disk.disk}`));
    view.append(lane);
    const made = { disk, canvas, svg, owners: null, width: 0 };
    d3.select(canvas).call(zoom).style("touch-action", "pan-y");
    canvas.addEventListener("pointermove", (event) => hover(made, event));
    canvas.addEventListener("pointerdown", (event) => hover(made, event));
    canvas.addEventListener("pointerleave", () => { tooltip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const found = accessAt(made, event);
      if (found >= 0 && accesses.object[found] < objectCount) choose(accesses.object[found]);
    });
    return made;
  }

  /** Fingers scroll the page; two of them, or one after zooming in, move the timeline. */
  function isZoom() {
    const event = d3.event;
    if (event.type === "touchstart") return event.touches.length > 1 || transform.k > 1;
    return !event.button;
  }

  function margin() { return view.clientWidth < 600 ? 68 : 80; }

  function plotWidth() { return Math.max(50, view.clientWidth - margin()); }

  function resize() {
    const width = plotWidth();
    zoom.extent([[0, 0], [width, laneHeight]]).translateExtent([[0, 0], [width, laneHeight]]);
    for (const svg of [phases, axis, rates]) svg.attr("width", view.clientWidth);
    for (const lane of lanes) {
      lane.svg.attr("width", margin());
      lane.canvas.style.width = `${width}px`;
      lane.canvas.style.height = `${laneHeight}px`;
    }
    draw();
  }

  function schedule() {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      draw();
    });
  }

  function timeScale() {
    const whole = d3.scaleLinear([0, Math.max(report.span, 1e-6)], [0, plotWidth()]);
    return transform.rescaleX(whole);
  }

  function positionScale(disk) {
    const whole = d3.scaleLinear([0, Math.max(disk.size, 1)], [laneHeight, 0]);
    return section.querySelector(".zoom-both").checked ? transform.rescaleY(whole) : whole;
  }

  function draw() {
    const x = timeScale();
    const scale = window.devicePixelRatio || 1;
    for (const lane of lanes) {
      const y = positionScale(lane.disk);
      lane.width = Math.round(plotWidth() * scale);
      const height = Math.round(laneHeight * scale);
      lane.canvas.width = lane.width;
      lane.canvas.height = height;
      const painted = paintAccesses({
        width: lane.width, height, scale, unit: lane.disk.unit,
        times: x.domain().map((value) => value / report.tick),
        positions: y.domain().map((value) => value / lane.disk.unit),
        first: lane.disk.first, last: lane.disk.first + lane.disk.count,
      }, look);
      lane.canvas.getContext("2d").putImageData(painted.image, 0, 0);
      lane.owners = painted.owners;
      const [low, high] = y.domain();
      lane.svg.select(".position-axis").attr("transform", `translate(${margin() - 1},0)`).call(
        d3.axisLeft(y).tickValues(byteTicks(low, high)).tickFormat(bytesText).tickSizeOuter(0));
    }
    drawPhases(phases, x, margin(), phaseHeight);
    drawTimeAxis(axis, x, margin());
    drawThroughput(rates, x, margin(), rateHeight);
  }

  /** The access that is drawn nearest to the pointer, or -1. */
  function accessAt(lane, event) {
    const scale = window.devicePixelRatio || 1;
    const [x, y] = [Math.floor(event.offsetX * scale), Math.floor(event.offsetY * scale)];
    const height = Math.round(laneHeight * scale);
    const reach = Math.round(6 * scale);
    let [best, distance] = [-1, Infinity];
    for (let row = Math.max(0, y - reach); row < Math.min(height, y + reach + 1); row += 1) {
      for (let column = Math.max(0, x - reach); column < Math.min(lane.width, x + reach + 1); column += 1) {
        const owner = lane.owners[row * lane.width + column];
        const away = (row - y) ** 2 + (column - x) ** 2;
        if (owner >= 0 && away < distance) [best, distance] = [owner, away];
      }
    }
    return best;
  }

  function hover(lane, event) {
    const found = accessAt(lane, event);
    tooltip.hidden = found < 0;
    if (found < 0) return;
    const start = accesses.position[found] * lane.disk.unit;
    const object = accesses.object[found];
    tooltip.replaceChildren(
      element("strong", objectName(object)),
      element("div", `${operations[accesses.operation[found]]} of ${bytesText(accesses.length[found])}, ` +
        `${kindText(kinds[kindOfObject[object]])}`),
      element("div", `${report.timed ? "at" : "request"} ${momentText(accesses.time[found] * report.tick)}, ` +
        `disk ${lane.disk.disk}, offset ${countText(start)}`));
    const left = Math.min(event.pageX + 12, window.scrollX + document.documentElement.clientWidth - tooltip.offsetWidth - 8);
    tooltip.style.left = `${Math.max(0, left)}px`;
    tooltip.style.top = `${event.pageY + 14}px`;
  }

  return {
    /** Highlights the accesses to objects: a test of a row of the table of objects, or null for no highlight. */
    highlight(isChosen) {
      look.chosen = isChosen && Uint8Array.from(kindOfObject, (_, row) => (row < objectCount && isChosen(row) ? 1 : 0));
      draw();
    },
    draw,
    zoomBy(factor) { zoom.scaleBy(base(), factor); },
  };
}

/** The kinds and operations that occur. A click hides one or shows it again. */
function makeLegend(section, look, changed) {
  const legend = section.querySelector(".legend");
  const asked = new Set(accesses.operation);
  const add = (label, hidden, index, color, className) => {
    const button = element("button", undefined, className);
    button.setAttribute("aria-pressed", "true");
    const mark = element("span", undefined, "mark");
    if (color) mark.style.backgroundColor = color;
    button.append(mark, label);
    button.addEventListener("click", () => {
      hidden[index] = !hidden[index];
      button.setAttribute("aria-pressed", String(!hidden[index]));
      changed();
    });
    legend.append(button);
  };
  kinds.forEach((letter, index) => add(kindText(letter), look.hiddenKinds, index, kindColor(letter)));
  operations.forEach((word, index) => {
    if (asked.has(index)) add(word, look.hiddenOperations, index, null, `operation operation-${word}`);
  });
}

function kindColor(letter) {
  const name = letter === "-" ? "none" : letter;
  return `var(--kind-${/^[a-z]+$/.test(name) ? name : "other"}, var(--kind-other))`;
}

// The parts of the timeline that are few enough to be SVG: axes, the phases of a boot and the throughput.

/** Ticks for bytes: at powers of two, at most about six of them. */
function byteTicks(low, high) {
  const step = 2 ** Math.ceil(Math.log2(Math.max((high - low) / 6, 1)));
  return d3.range(Math.ceil(low / step) * step, high + 1, step);
}

function drawTimeAxis(svg, scale, margin) {
  const count = Math.max(2, Math.floor((scale.range()[1] - scale.range()[0]) / 90));
  const axis = d3.axisBottom(scale).ticks(count).tickSizeOuter(0);
  if (report.timed) {
    const format = scale.tickFormat(count);
    axis.tickFormat((value) => `${format(value)} s`);
  }
  svg.select(".time-axis").attr("transform", `translate(${margin},0)`).call(axis);
}

/** The phases as boxes. A name that does not fit is left out; the list below the chart has all of them. */
function drawPhases(svg, scale, margin, height) {
  const [from, to] = scale.range();
  const boxes = report.phases.map((phase, index) => {
    const x = Math.max(from, Math.min(to, scale(phase.begin)));
    const end = Math.max(from, Math.min(to, scale(phase.end)));
    return { phase, index, x: x + margin, width: Math.max(0, end - x) };
  });
  const groups = svg.selectAll("g.phase").data(boxes).join((enter) => {
    const made = enter.append("g").attr("class", (box) => `phase phase-${box.index % 4}`);
    made.append("rect").attr("height", height);
    made.append("text").attr("y", height / 2).attr("dy", "0.35em");
    return made;
  });
  groups.select("rect").attr("x", (box) => box.x).attr("width", (box) => box.width);
  groups.select("text").attr("x", (box) => box.x + 4)
    .text((box) => (box.phase.name.length * 6.6 + 8 < box.width ? box.phase.name : ""));
}

/** Bytes in each step of the throughput, as bytes per second, or per request if the log has no times. */
function throughputPoints(series, scale) {
  const { width } = report.throughput;
  const origin = report.throughput.begin - report.throughput.lead;
  const [start, end] = scale.domain();
  const from = Math.max(0, Math.floor((start - origin) / width) - 1);
  const to = Math.min(series.length, Math.ceil((end - origin) / width) + 1);
  // A point for each pixel is enough: steps are joined until there are no more of them.
  const joined = Math.max(1, Math.floor((to - from) / Math.max(1, scale.range()[1])));
  const points = [];
  for (let index = from; index < to; index += joined) {
    const last = Math.min(index + joined, to);
    let sum = 0;
    for (let step = index; step < last; step += 1) sum += series[step];
    points.push({ x: origin + index * width, rate: sum / ((last - index) * width) });
  }
  if (points.length > 0) points.push({ x: origin + to * width, rate: points[points.length - 1].rate });
  return points;
}

function drawThroughput(svg, scale, margin, height) {
  const reads = throughputPoints(report.throughput.read, scale);
  const writes = throughputPoints(report.throughput.write, scale);
  const highest = d3.max([...reads, ...writes], (point) => point.rate) || 1;
  const y = d3.scaleLinear([0, highest], [height - 8, 8]);
  const line = d3.area().x((point) => scale(point.x)).y0(y(0)).y1((point) => y(point.rate)).curve(d3.curveStepAfter);
  svg.select(".read").attr("transform", `translate(${margin},0)`).attr("d", line(reads));
  svg.select(".write").attr("transform", `translate(${margin},0)`).attr("d", line(writes));
  const unit = report.timed ? "/s" : "";
  const axis = d3.axisLeft(y).tickValues(byteTicks(0, highest).slice(0, 7))
    .tickFormat((value) => bytesText(value) + unit).tickSizeOuter(0);
  svg.select(".rate-axis").attr("transform", `translate(${margin},0)`).call(axis);
}

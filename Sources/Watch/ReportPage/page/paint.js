// Draws the accesses of one disk, pixel by pixel: with a million of them, nothing else is fast enough.

/** The colours of kinds, from the style sheet, which has others for the dark mode. */
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => d3.rgb(style.getPropertyValue(name).trim() || "#888");
  const plain = color("--kind-other");
  return {
    kinds: kinds.map((letter) => {
      const named = style.getPropertyValue(`--kind-${letter === "-" ? "none" : letter}`).trim();
      return named ? d3.rgb(named) : plain;
    }),
    ink: color("--ink"),
  };
}

/** A colour as a number in the byte order of a canvas. */
function pixelOf(color, opacity) {
  return ((opacity << 24) | (color.b << 16) | (color.g << 8) | color.r) >>> 0;
}

/**
 * @param view { width, height in pixels of the canvas; scale, pixels of the canvas for each pixel of the page;
 *   times: [first, last]; positions: [low, high]; first, last: the accesses of the disk; unit: bytes of a position }
 * @param look { colors, hiddenKinds, hiddenOperations, chosen: is an object highlighted, or null }
 * @returns { image, owners: the number of the access that each pixel shows, or -1 }
 */
function paintAccesses(view, look) {
  const image = new ImageData(view.width, view.height);
  const pixels = new Uint32Array(image.data.buffer);
  const owners = new Int32Array(view.width * view.height).fill(-1);
  const passes = look.chosen ? [false, true] : [false];
  for (const isChosenPass of passes) {
    // Writes are drawn over reads, with a frame.
    for (const isWritePass of [false, true]) {
      paintPass(view, look, pixels, owners, isWritePass, isChosenPass);
    }
  }
  return { image, owners };
}

function paintPass(view, look, pixels, owners, isWritePass, isChosenPass) {
  const { time, position, length, object, operation } = accesses;
  const { width, height, unit } = view;
  const [start, end] = view.times;
  const [low, high] = view.positions;
  const perTime = width / Math.max(end - start, 1e-9);
  const perPosition = height / Math.max(high - low, 1e-9);
  const first = lowerBound(time, start, view.first, view.last);
  const last = lowerBound(time, end + 1, first, view.last);
  // Few accesses are drawn large, and writes with a frame. Of many, writes are only darker.
  const isSparse = last - first < 20000;
  const size = Math.max(1, Math.round((!isSparse ? 2 : isWritePass ? 6 : 4) * view.scale));
  const hasFrame = isSparse && isWritePass;
  const opacity = look.chosen && !isChosenPass ? 40 : 255;
  const shade = isWritePass && !isSparse ? 0.55 : 0;
  const colors = look.colors.kinds.map(
    (color) => pixelOf(d3.rgb(d3.interpolateRgb(color, look.colors.ink)(shade)), opacity));
  const ink = pixelOf(look.colors.ink, opacity);
  for (let index = first; index < last; index += 1) {
    const asked = operation[index];
    // Reads and cache requests are one pass, and all others the other one.
    if ((asked !== 0 && asked !== 5) !== isWritePass || look.hiddenOperations[asked]) continue;
    const kind = kindOfObject[object[index]];
    if (look.hiddenKinds[kind]) continue;
    if (look.chosen && look.chosen[object[index]] !== (isChosenPass ? 1 : 0)) continue;
    const x = Math.min(width - size, Math.floor((time[index] - start) * perTime - size / 2));
    const right = x + size;
    const bottom = height - Math.floor((position[index] - low) * perPosition);
    let top = height - Math.ceil((position[index] + length[index] / unit - low) * perPosition);
    if (bottom - top < size) top = bottom - size;
    if (bottom <= 0 || top >= height) continue;
    const [from, to] = [Math.max(0, top), Math.min(height, bottom)];
    for (let y = from; y < to; y += 1) {
      const row = y * width;
      const isEdge = hasFrame && (y === top || y === bottom - 1);
      for (let column = Math.max(0, x); column < right; column += 1) {
        const isFrame = hasFrame && (isEdge || column === x || column === right - 1);
        pixels[row + column] = isFrame ? ink : colors[kind];
        owners[row + column] = index;
      }
    }
  }
}

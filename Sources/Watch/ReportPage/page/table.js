// Tables that can be searched and sorted, a page at a time: a log can name 200,000 files.

const rowsOnPage = 50;

/**
 * Fills a section with a table.
 * @param section an element with a heading
 * @param columns a list of { title, value(row), text(row), isName, isWide, className(row) }: `value` is what the table is sorted by,
 *   and `isWide` columns are left out on narrow screens
 * @param count the number of rows
 * @param options { sortBy, name(row) for the search, choose(row), note }
 */
function makeTable(section, columns, count, options) {
  const state = { order: d3.range(count), sortBy: options.sortBy, isDescending: true, page: 0, wanted: "" };
  const table = element("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const pager = element("div", undefined, "pager");
  const search = addSearch(section, options, () => {
    state.wanted = search.value;
    refresh();
  });
  const scroller = element("div", undefined, "scroller");
  scroller.append(table);
  section.append(scroller, pager);
  if (options.note) section.append(element("p", options.note, "note"));

  columns.forEach((column, index) => {
    const cell = element("th", undefined, classOf(column));
    cell.scope = "col";
    const button = element("button", column.title);
    button.addEventListener("click", () => {
      // Names begin in ascending order, and numbers with the largest.
      state.isDescending = state.sortBy === index ? !state.isDescending : !column.isName;
      state.sortBy = index;
      refresh();
    });
    cell.append(button);
    head.append(cell);
  });

  function refresh() {
    const wanted = state.wanted.toLowerCase();
    state.order = d3.range(count);
    if (wanted) state.order = state.order.filter((row) => options.name(row).toLowerCase().includes(wanted));
    sortRows(state.order, columns[state.sortBy], state.isDescending);
    state.page = 0;
    [...head.cells].forEach((cell, index) => {
      if (index !== state.sortBy) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", state.isDescending ? "descending" : "ascending");
    });
    show();
  }

  function show() {
    const first = state.page * rowsOnPage;
    const rows = state.order.slice(first, first + rowsOnPage);
    body.replaceChildren(...rows.map((row) => rowElement(row, columns, options)));
    const pages = Math.max(1, Math.ceil(state.order.length / rowsOnPage));
    const shown = rows.length === 0 ? "none"
      : `${countText(first + 1)} to ${countText(first + rows.length)} of ${countText(state.order.length)}`;
    const back = pageButton("‹", "Previous page", state.page > 0, -1);
    const forward = pageButton("›", "Next page", state.page + 1 < pages, 1);
    pager.replaceChildren(back, element("span", shown), forward);
    pager.hidden = pages === 1 && !state.wanted;
  }

  function pageButton(text, title, isEnabled, step) {
    const button = element("button", text);
    button.title = title;
    button.disabled = !isEnabled;
    button.addEventListener("click", () => {
      state.page += step;
      show();
    });
    return button;
  }

  refresh();
  return {
    /** Searches for a text, as if it was typed. */
    find(text) {
      state.wanted = text;
      if (search) search.value = text;
      refresh();
    },
    refresh: show,
    sort(index) { head.cells[index].firstChild.click(); },
  };
}

function addSearch(section, options, changed) {
  if (!options.name) return null;
  const search = element("input");
  search.type = "search";
  search.placeholder = "search";
  search.setAttribute("aria-label", "search in this table");
  search.addEventListener("input", changed);
  section.append(search);
  return search;
}

function classOf(column) {
  return [column.isName ? "name" : "number", column.isWide ? "wide" : ""].join(" ");
}

/** Sorts row numbers by the values of a column. Rows without a value come last. */
function sortRows(order, column, isDescending) {
  const sign = isDescending ? -1 : 1;
  if (column.isName) {
    // Texts are sorted fastest without a function that compares them. No name contains a NUL.
    const texts = order.map((row) => `${column.value(row)}\0${row}`).sort();
    if (isDescending) texts.reverse();
    texts.forEach((text, index) => { order[index] = Number(text.slice(text.lastIndexOf("\0") + 1)); });
    return;
  }
  // Numbers in a typed array are compared fast. Infinity is not subtracted from itself.
  const keys = new Float64Array(d3.max(order) + 1 || 0);
  for (const row of order) {
    const value = column.value(row);
    keys[row] = value === null ? Infinity : sign * value;
  }
  order.sort((a, b) => (keys[a] === keys[b] ? a - b : keys[a] - keys[b]));
}

function rowElement(row, columns, options) {
  const made = element("tr");
  for (const column of columns) {
    const cell = element("td", undefined, classOf(column));
    const text = column.text(row);
    const link = column.isName && options.link ? options.link(row) : null;
    if (link) {
      const anchor = element("a", text);
      anchor.href = link;
      cell.append(anchor);
    } else {
      cell.textContent = text;
    }
    if (column.color) {
      const mark = element("span", undefined, "mark");
      mark.style.backgroundColor = column.color(row);
      cell.prepend(mark);
    }
    made.append(cell);
  }
  if (options.isChosen && options.isChosen(row)) made.className = "chosen";
  return made;
}

// Tables that sort and filter, and that fit a phone. Nothing is loaded from elsewhere.
(() => {
  "use strict";

  // Headings that stay in view on a narrow screen; the others are shown on demand.
  const KEYS = ["rank", "system", "trial", "uar", "development uar", "score"];
  // Headings whose cells are repeated in small print under the system where they are hidden.
  const DETAILS = ["corpus", "normalisation", "protocol"];
  const ROWS_TO_FILTER = 8;
  const SMALLEST = 0.6;

  const text = (cell) => cell.textContent.trim();

  // "13 min 52 s" is a time, "0.764 [0.704, 0.815]" and "140,520" are numbers, others are words.
  function value(cell) {
    const shown = text(cell);
    const time = shown.match(/^(?:[\d.]+ (?:h|min|s)\s*)+$/);
    if (time) {
      const seconds = { h: 3600, min: 60, s: 1 };
      return [...shown.matchAll(/([\d.]+) (h|min|s)/g)]
        .reduce((sum, [, number, unit]) => sum + Number(number) * seconds[unit], 0);
    }
    const number = shown.match(/^[-−+]?\d[\d,]*\.?\d*/);
    return number ? Number(number[0].replace(/,/g, "").replace("−", "-")) : shown.toLowerCase();
  }

  function compare(a, b) {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return typeof a === "number" ? a - b : a.localeCompare(b);
  }

  function makeSortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const rows = [...table.tBodies[0].rows];
        const numeric = rows.some((row) => typeof value(row.cells[column]) === "number");
        const before = head.getAttribute("aria-sort");
        // Scores begin with the best, words with the first.
        const first = numeric ? "descending" : "ascending";
        const other = numeric ? "ascending" : "descending";
        const order = before === first ? other : first;
        heads.forEach((cell) => cell.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const empty = (row) => text(row.cells[column]) === "";
        rows.sort((a, b) => empty(a) - empty(b)
          || sign * compare(value(a.cells[column]), value(b.cells[column])));
        table.tBodies[0].append(...rows);
      });
    });
  }

  // "Berlin Database of Emotional Speech (EmoDB)" is EmoDB.
  const shorten = (words) => words.match(/\(([A-Z][\w-]*)\)$/)?.[1] ?? words;

  function addDetails(table, names) {
    const place = names.indexOf("system");
    if (place < 0) return;
    for (const row of table.tBodies[0].rows) {
      const words = DETAILS.map((name) => row.cells[names.indexOf(name)]).filter(Boolean).map(text);
      const details = document.createElement("span");
      details.className = "details";
      details.textContent = words.map(shorten).join(", ");
      row.cells[place].append(details);
    }
  }

  function addTools(table, scroller) {
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map((head) => text(head).toLowerCase());
    const bar = document.createElement("div");
    bar.className = "table-tools";
    const keys = names.map((name) => KEYS.includes(name) || name.startsWith("uar"));
    if (heads.length > 3 && names.some((name) => /uar|score/.test(name))) {
      addDetails(table, names);
      for (const row of table.rows) {
        [...row.cells].forEach((cell, column) => cell.classList.toggle("minor", !keys[column]));
      }
      table.classList.add("few");
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = "All columns";
      more.addEventListener("click", () => {
        more.textContent = table.classList.toggle("few") ? "All columns" : "Fewer columns";
      });
      bar.append(more);
    }
    if (table.tBodies[0].rows.length >= ROWS_TO_FILTER) {
      const field = document.createElement("input");
      field.type = "search";
      field.placeholder = "Show rows with …";
      field.setAttribute("aria-label", "Show only rows that contain these words");
      field.addEventListener("input", () => {
        const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
        for (const row of table.tBodies[0].rows) {
          const content = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => content.includes(word));
        }
      });
      bar.append(field);
    }
    if (bar.childElementCount) scroller.before(bar);
  }

  // Times and numbers of seeds stay on one line; so does "0.764 [0.704, 0.815]", which may break
  // before its interval on a narrow screen, but never within.
  function keepTogether(cell) {
    cell.classList.toggle("one-line", /^[\d.]+ (\(±|h|min|s)/.test(text(cell)));
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    for (const node of found) {
      const parts = node.data.match(/^(\s*(?:[A-Z]+ )?[-−+]?[\d.]+ )(\[[^\]]*\])\s*$/);
      if (!parts) continue;
      const score = document.createElement("span");
      const interval = document.createElement("span");
      score.className = "score";
      interval.textContent = parts[2];
      score.append(parts[1], interval);
      node.replaceWith(score);
    }
  }

  // A figure is not made so small that its text cannot be read; it is scrolled sideways instead.
  function keepLegible(image) {
    const mark = () => {
      if (!image.naturalWidth || image.closest(".gallery")) return;
      image.style.minWidth = `${Math.round(SMALLEST * image.naturalWidth)}px`;
      const scroller = document.createElement("div");
      scroller.className = "scroller";
      const outer = image.closest("a") ?? image;
      outer.before(scroller);
      scroller.append(outer);
    };
    if (image.complete) mark();
    else image.addEventListener("load", mark);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const article = document.querySelector("article.bd-article");
    if (!article) return;
    for (const table of article.querySelectorAll("table")) {
      let scroller = table.closest(".pst-scrollable-table-container");
      if (!scroller) {
        scroller = document.createElement("div");
        scroller.className = "pst-scrollable-table-container";
        table.before(scroller);
        scroller.append(table);
      }
      const made = table.classList.contains("dataframe") || table.closest(".cell_output, .field-list");
      if (!made && table.tHead?.rows.length === 1 && table.tBodies[0]) {
        addTools(table, scroller);
        if (table.tBodies[0].rows.length > 1) makeSortable(table);
        table.tBodies[0].querySelectorAll("td").forEach(keepTogether);
      }
    }
    article.querySelectorAll("img").forEach(keepLegible);
  });
})();

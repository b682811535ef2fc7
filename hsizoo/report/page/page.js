"use strict";
// Opens rows of the table to their samples, and samples to their overlays.  Texts of others are set
// as text, never as markup.
(() => {
  const island = JSON.parse(document.getElementById("hsizoo-data").textContent);
  const parts = new Map(Object.entries(island.parts));
  const waiting = new Map();

  // Parts of a folder are scripts, since pages that are opened as files may not fetch others.
  window.hsizooPart = (name, part) => { parts.set(name, part); waiting.get(name)?.(part); };
  const load = (name) => parts.has(name) ? Promise.resolve(parts.get(name)) : new Promise((done, fail) => {
    waiting.set(name, done);
    const script = document.createElement("script");
    script.src = `samples/${name}.js`;
    script.onerror = () => fail(new Error(`samples/${name}.js is not there`));
    document.head.append(script);
  });

  const make = (kind, about = {}, ...inside) => {
    const made = document.createElement(kind);
    for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const inSvg = make("div");
  inSvg.innerHTML = "<svg></svg>";
  const SVG = inSvg.firstChild.namespaceURI;
  const draw = (kind, about, text) => {
    const made = document.createElementNS(SVG, kind);
    for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const picture = (source) => {
    const given = island.images[source];
    return make("img", { src: given ?? source, alt: "", loading: "lazy" });
  };

  const prompts = (overlay) => {
    const [height, width] = overlay.shape;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}` });
    const size = Math.max(width, height) / 34;
    if (overlay.box) {
      const [top, left, bottom, right] = overlay.box;
      const where = { x: left, y: top, width: right - left + 1, height: bottom - top + 1, fill: "none" };
      svg.append(draw("rect", { ...where, stroke: "#000", "stroke-width": size / 3 }));
      svg.append(draw("rect", { ...where, stroke: "#fff", "stroke-width": size / 7 }));
    }
    (overlay.clicks ?? []).forEach(([row, col, positive], number) => {
      const [fill, ink] = positive ? ["#fff", "#000"] : ["#000", "#fff"];
      const look = { fill, stroke: ink, "stroke-width": size / 8 };
      const x = col + 0.5, y = row + 0.5;
      svg.append(positive ? draw("circle", { cx: x, cy: y, r: size * 0.75, ...look })
        : draw("rect", { x: x - size * 0.7, y: y - size * 0.7, width: 1.4 * size, height: 1.4 * size, ...look }));
      svg.append(draw("text", { x, y: y + size * 0.38, "font-size": size * 1.1, "text-anchor": "middle", fill: ink },
        String(number + 1)));
    });
    return svg;
  };

  const show = (overlay) => {
    const made = make("div", { class: "overlay" });
    for (const panel of overlay.panels) {
      const stack = make("div", { class: "stack" }, ...panel.layers.map(picture));
      if (panel.prompts) stack.append(prompts(overlay));
      made.append(make("figure", {}, stack, make("figcaption", {}, panel.name)));
    }
    const names = overlay.legend ?? [];
    const legend = make("div", { class: "legend" }, ...names.map(([name, colour]) => {
      const mark = make("i");
      mark.style.background = colour;
      return make("span", {}, mark, name);
    }));
    return make("div", {}, made, legend);
  };

  const toggle = (button, where, fill) => {
    button.setAttribute("aria-expanded", "false");
    let inner = null;
    button.addEventListener("click", async () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) { inner.hidden = true; return; }
      if (inner) { inner.hidden = false; return; }
      const room = make("div", { class: "sticky" });
      inner = make("tr", { class: "inner" }, make("td", { colspan: where.cells.length }, room));
      where.after(inner);
      try { await fill(room); } catch (error) { room.append(error.message); }
    });
    where.classList.add("opens");
    where.addEventListener("click", (event) => {
      if (!event.target.closest("button") && getSelection().isCollapsed) button.click();
    });
  };

  const sampleRow = (row, sample) => {
    const texts = [sample.name, sample.scene, ...sample.about];
    const cells = texts.map((text) => make("td", { class: "name" }, text));
    const figures = sample.values.map((text) => make("td", {}, text));
    const made = make("tr", {}, make("td", {}, String(sample.rank + 1)), ...cells, ...figures);
    if (sample.overlay) {
      const button = make("button", { type: "button" }, texts[0] || texts[1]);
      cells[0].replaceChildren(button);
      toggle(button, made, (cell) => cell.append(show(sample.overlay)));
    }
    return made;
  };

  const openRow = async (number, cell) => {
    const row = island.rows[number];
    const told = row.shown < row.total
      ? `${row.shown} of ${row.total} samples, spread from the best to the worst.` : `${row.total} samples, the best first.`;
    const kept = row.overlays ? " A name with ▸ opens its image, clicks and masks." : ` ${island.how}`;
    cell.append(make("p", { class: "faint" }, told + kept));
    const head = ["rank", "object", "scene", ...row.about, ...row.columns];
    const names = 3 + row.about.length;
    const body = make("tbody");
    cell.append(make("div", { class: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((text, place) =>
        make("th", place && place < names ? { class: "name" } : {}, text)))), body)));
    let next = 0;
    const more = make("button", { type: "button", class: "more" }, "more");
    const go = async () => {
      const part = await load(`${number}-${next}`);
      next += 1;
      for (const sample of part) body.append(sampleRow(row, sample));
      more.hidden = next >= row.parts;
    };
    more.addEventListener("click", () => go().catch((error) => cell.append(error.message)));
    cell.append(more);
    if (row.parts) await go(); else more.hidden = true;
  };

  for (const button of document.querySelectorAll("button[data-row]")) {
    toggle(button, button.closest("tr"), (cell) => openRow(Number(button.dataset.row), cell));
  }

  const wide = document.getElementById("more-columns");
  const room = document.querySelector("#table .scroll");
  const tell = () => { if (wide) wide.hidden = room.scrollWidth <= room.clientWidth; };
  addEventListener("resize", tell);
  tell();

  // Paper cannot be clicked on.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
})();

// What the page can do beyond being read: filter, sort, search, copy, and plots that answer. It is complete without.
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // Numbers

  const number = (value) => {
    if (value === null || value === undefined) return "";
    const size = Math.abs(value);
    const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(3) : value.toPrecision(4);
    return text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "").replace("e+", "e");
  };
  const whole = (value) => Math.round(value).toLocaleString("en-US");
  const summed = (differences) => {
    let at = 0;
    return differences.map((difference) => (at += difference));
  };
  const nearest = (steps, step) => {
    let low = 0, high = steps.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle; else high = middle;
    }
    return Math.abs(steps[low] - step) <= Math.abs(steps[high] - step) ? low : high;
  };

  // Plots of one run

  const TONES = { error: "--error", warning: "--warning", info: "--info" };
  const WIDTHS = { raw: 1, loss: 2, val: 1.8, lr: 1.8, grad: 1.2 };
  const LANE = 19, HEAD = 24, TALL = 220, SMALL = 78, LEFT = 62, RIGHT = 14, END = 96, FOOT = 40;
  const FONT = "12px system-ui, sans-serif";  // uPlot reads whole pixels only
  const plots = new Map();

  const columns = (lines, ends, floor) => {
    const tables = [[ends], ...lines.map(({ x, y }) => [x, floor === null ? y : y.map((v) => (v === null ? null : Math.max(v, floor)))])];
    return uPlot.join(tables);
  };

  // The axis that the static figure has, and one of its own for what is left after zooming in.
  const range = (panel) => {
    const values = panel.l.flatMap(({ y }) => y).filter((v) => v !== null && (!panel.log || v >= panel.y[0]));
    const least = values.reduce((a, b) => Math.min(a, b), Infinity), most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    return (u, low, high) => {
      if (low === null || high === null || (low <= least && high >= most)) return panel.y;
      if (panel.log) return [low / 1.15, high * 1.15];
      const pad = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
      return [low - pad, high + pad];
    };
  };

  // As the static figure has them: powers of ten, or multiples of 1, 2 or 5 times one.
  const round = (low, high, log, most) => {
    const found = [];
    if (!(high > low)) return [low];
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
      if (last - first >= 2) {
        const apart = Math.ceil((last - first + 1) / most);
        for (let i = Math.ceil(first / apart) * apart; i <= last; i += apart) found.push(Number(`1e${i}`));
      } else {
        for (let i = first - 1; i <= last; i++)
          for (const digit of [1, 2, 5]) if (digit * 10 ** i >= low && digit * 10 ** i <= high) found.push(digit * 10 ** i);
      }
      return found.length ? found : [low, high];
    }
    const power = 10 ** Math.floor(Math.log10((high - low) / most));
    const apart = power * ([1, 2, 5].find((digit) => power * digit >= ((high - low) / most) * 0.999) ?? 10);
    for (let i = Math.ceil(low / apart - 1e-9); i <= Math.floor(high / apart + 1e-9); i++) found.push(Number((i * apart).toPrecision(12)));
    return found;
  };

  const axes = (last, label, log, most) => [
    {
      show: last, size: FOOT - 14, gap: 4, font: FONT, stroke: () => shade("--muted"), grid: { show: false },
      ticks: { stroke: () => shade("--rule"), size: 4, width: 1 }, label, labelSize: 16, labelFont: FONT, labelGap: 0,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9],
      values: (u, ticks) => ticks.map(whole),
    },
    {
      size: LEFT, gap: 4, font: FONT, stroke: () => shade("--muted"), grid: { stroke: () => shade("--rule"), width: 1 },
      ticks: { show: false }, splits: (u, axis, low, high) => round(low, high, log, most),
      filter: (u, ticks) => ticks, values: (u, ticks) => ticks.map(number),
    },
  ];

  const painted = (u, draw) => {
    const { ctx } = u, ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11.5 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    const box = u.bbox;
    draw(ctx, ratio, box, (step) => Math.min(Math.max(u.valToPos(step, "x", true), box.left), box.left + box.width));
    ctx.restore();
  };
  const within = (u, first, last) => last >= u.scales.x.min && first <= u.scales.x.max;

  const tints = (data) => (u) => painted(u, (ctx, ratio, box, at) => {
    for (const [first, last, severity, shaded] of data.b) {
      if (!shaded || !within(u, first, last)) continue;
      ctx.fillStyle = shade(TONES[severity]);
      ctx.globalAlpha = 0.09;
      ctx.fillRect(at(first), box.top, Math.max(at(last) - at(first), 2 * ratio), box.height);
      ctx.globalAlpha = 0.6;
      if (first >= u.scales.x.min) ctx.fillRect(at(first), box.top, ratio, box.height);
    }
  });

  const marks = (data, panel, names, top) => (u) => painted(u, (ctx, ratio, box, at) => {
    ctx.fillStyle = shade("--text");
    ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    ctx.fillText(panel.name, box.left, box.top - 8 * ratio);
    ctx.font = `${11.5 * ratio}px system-ui, sans-serif`;
    ctx.strokeStyle = shade("--error");
    ctx.lineWidth = 2 * ratio;
    for (const [first, last] of panel.g) {
      if (!within(u, first, last)) continue;
      const left = at(first), right = at(last), y = box.top + 6 * ratio, arm = 4 * ratio;
      ctx.beginPath();
      ctx.moveTo(left - arm, y - arm); ctx.lineTo(left + arm, y + arm);
      ctx.moveTo(left + arm, y - arm); ctx.lineTo(left - arm, y + arm);
      if (right - left > 2 * arm) { ctx.moveTo(left + arm, y); ctx.lineTo(right, y); }
      ctx.stroke();
    }
    panel.e.forEach(([value, low, high], place) => {
      if (u.scales.x.max < data.x[1]) return;
      const x = box.left + box.width + (14 + 22 * place) * ratio;
      const y = (v) => Math.min(Math.max(u.valToPos(v, "y", true), box.top), box.top + box.height);
      ctx.strokeStyle = ctx.fillStyle = shade(place ? "--k-val" : "--k-lr");
      ctx.beginPath();
      ctx.moveTo(x - 5 * ratio, y(low)); ctx.lineTo(x + 5 * ratio, y(low));
      ctx.moveTo(x, y(low)); ctx.lineTo(x, y(high));
      ctx.moveTo(x - 5 * ratio, y(high)); ctx.lineTo(x + 5 * ratio, y(high));
      ctx.stroke();
      ctx.beginPath(); ctx.arc(x, y(value), 3.5 * ratio, 0, 7); ctx.fill();
      ctx.fillText(number(value), x + 9 * ratio, y(value) + (4 + 14 * place) * ratio);
      ctx.fillText(panel.ends[place] ?? "", x - 6 * ratio, y(high) - 8 * ratio);
    });
    if (!top) return;
    data.b.forEach(([first, last, severity, shaded], lane) => {
      if (!within(u, first, last)) return;
      const y = (6 + LANE * lane + LANE / 2) * ratio, left = at(first), right = Math.max(at(last), left + 2 * ratio);
      ctx.fillStyle = shade(TONES[severity]);
      ctx.fillRect(left, y + 4 * ratio, right - left, 3 * ratio);
      ctx.globalAlpha = 0.6;
      if (shaded && first >= u.scales.x.min) ctx.fillRect(left, y + 4 * ratio, ratio, box.top - y - 4 * ratio);
      ctx.globalAlpha = 1;
      const wide = ctx.measureText(names[lane]).width, before = left + wide + 7 * ratio > box.left + box.width;
      ctx.textAlign = before ? "right" : "left";
      ctx.fillText(names[lane], before ? left - 7 * ratio : left + 7 * ratio, y + ratio);
    });
  });

  const draw = (figure) => {
    if (plots.has(figure) || !figure.clientWidth) return;
    const canvas = one(".canvas", figure), svg = one("svg", canvas);
    const data = JSON.parse(one("script", figure).textContent);
    const names = all(".band text", svg).map((text) => text.textContent);
    const titles = all(".name", svg).map((text) => text.textContent);
    const ends = all(".expected text:last-of-type", svg).map((text) => text.textContent);
    const entries = all(".legend li", figure), place = one(".at", figure);
    const plot = element("div", { className: "plot", tabIndex: 0 });
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", `${one("title", svg).textContent}. Arrow keys move along it, plus and minus zoom, 0 shows all.`);
    plot.setAttribute("aria-describedby", one("desc", svg).id);
    const right = data.p.some((panel) => panel.e.length) ? END : RIGHT;
    const sync = `run-${figure.closest("article").dataset.place}`;
    const drawn = data.p.map((panel, p) => {
      panel.name = titles[p];
      panel.ends = panel.e.length ? ends : [];
      for (const line of panel.l) line.x = summed(line.x);
      const first = p === 0, last = p === data.p.length - 1, head = HEAD + (first ? LANE * data.b.length + 6 : -6);
      const read = (u) => {
        const outside = u.cursor.left < 0, step = outside ? null : u.posToVal(u.cursor.left, "x");
        if (first) place.textContent = outside ? "" : `step ${whole(step)}`;
        for (const entry of entries) {
          if (Number(entry.dataset.panel) !== p) continue;
          const line = panel.l[entry.dataset.line], output = one("output", entry);
          output.dataset.ending ??= output.textContent;
          if (outside || !line.x.length) output.textContent = output.dataset.ending;
          else output.textContent = number(line.y[nearest(line.x, step)]) || "not finite";
        }
      };
      return new uPlot({
        width: canvas.clientWidth, height: head + (first ? TALL : SMALL) + (last ? FOOT : 6),
        padding: [head, right, last ? 0 : 6, 0], legend: { show: false },
        cursor: { y: false, sync: { key: sync }, drag: { x: true, y: false }, points: { size: 6 } },
        scales: { x: { time: false }, y: { distr: panel.log ? 3 : 1, range: range(panel) } },
        axes: axes(last, "step", panel.log, first ? 5 : 3),
        series: [{}, ...panel.l.map((line) => ({
          stroke: () => shade(line.k === "raw" ? "--k-loss" : `--k-${line.k}`), width: WIDTHS[line.k],
          alpha: line.k === "raw" ? 0.42 : 1, points: { show: line.x.length === 1 }, pxAlign: 0,
        }))],
        hooks: { drawClear: [tints(data)], draw: [marks(data, panel, names, first)], setCursor: [read] },
      }, columns(panel.l, data.x, panel.log ? panel.y[0] : null), plot);
    });
    svg.setAttribute("hidden", "");
    canvas.append(plot);
    one(".tools", figure).hidden = false;
    const resized = new ResizeObserver(() => {
      for (const u of drawn) if (u.width !== canvas.clientWidth) u.setSize({ width: canvas.clientWidth, height: u.height });
    });
    resized.observe(canvas);
    plots.set(figure, { plot, svg, drawn, resized, ends: data.x });
    plot.addEventListener("keydown", (event) => {
      const steer = { ArrowLeft: -1, ArrowRight: 1 }[event.key], zoom = { "+": "in", "=": "in", "-": "out", 0: "all", Escape: "all" }[event.key];
      if (zoom) zoomed(figure, zoom);
      else if (steer) for (const u of drawn) {
        const width = u.over.clientWidth, from = u.cursor.left < 0 ? (steer > 0 ? 0 : width) : u.cursor.left;
        u.setCursor({ left: Math.min(Math.max(from + steer * (event.shiftKey ? 50 : 5), 0), width - 1), top: 10 });
      } else return;
      event.preventDefault();
    });
  };

  const zoomed = (figure, how) => {
    const { drawn, ends } = plots.get(figure);
    const { min, max } = drawn[0].scales.x, left = drawn[0].cursor.left;
    const middle = left >= 0 ? drawn[0].posToVal(left, "x") : (min + max) / 2;
    const half = how === "in" ? (max - min) / 4 : max - min;
    const scale = how === "all" ? { min: ends[0], max: ends[1] }
      : { min: Math.max(middle - half, ends[0]), max: Math.min(middle + half, ends[1]) };
    for (const u of drawn) u.setScale("x", scale);
  };

  const erase = (figure) => {
    const made = plots.get(figure);
    if (!made) return;
    const { min, max } = made.drawn[0].scales.x;
    if (min > made.ends[0] || max < made.ends[1]) return;
    remove(figure);
  };
  const remove = (figure) => {
    const made = plots.get(figure);
    made.resized.disconnect();
    for (const u of made.drawn) u.destroy();
    made.plot.remove();
    made.svg.removeAttribute("hidden");
    plots.delete(figure);
  };

  // Hundreds of plots cost nothing as long as only those are drawn that are looked at.
  const cards = all("article.run");
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      for (const figure of all("[data-figure]", target)) (isIntersecting ? draw : erase)(figure);
  }, { rootMargin: "400px" });
  for (const card of cards) near.observe(card);
  for (const details of all(".more"))
    details.addEventListener("toggle", () => details.open && all("[data-figure]", details).forEach(draw));
  for (const button of all("[data-zoom]"))
    button.addEventListener("click", () => zoomed(button.closest("figure"), button.dataset.zoom));

  // All runs in one plot

  const title = (card) => one("h3", card).textContent;
  const overlay = one("#overlay");
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];
  let together = null, shares = false;
  const off = new Set();
  const byPlace = new Map(cards.map((card) => [Number(card.dataset.place), card]));
  const shown = (run) => !off.has(run) && !byPlace.get(run).hidden;

  const compare = () => {
    const canvas = one(".canvas", overlay), svg = one("svg", canvas), metric = overlay.dataset.metric;
    const data = compare.data ??= JSON.parse(one("script", overlay).textContent);
    const runs = data.r.map(([run, x, y]) => ({ run, x: summed(x), y }));
    const ends = shares ? [0, 100] : [Math.min(...runs.map(({ x }) => x[0])), Math.max(...runs.map(({ x }) => x.at(-1)))];
    for (const each of runs) {
      const [from, to] = [each.x[0], each.x.at(-1)];
      if (shares) each.x = each.x.map((step) => (100 * (step - from)) / (to - from || 1));
    }
    // One run that explodes must not flatten the others.
    const bounded = (u, low, high) => {
      if (low === null || high === null || low >= data.y[1]) return data.y;
      const least = Math.max(low, data.y[0]), most = Math.min(high, data.y[1]);
      return most > least ? [least, most] : data.y;
    };
    const place = one(".at", overlay);
    const plot = element("div", { className: "plot" });
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${metric} of ${runs.length} runs over the steps`);
    const u = new uPlot({
      width: canvas.clientWidth, height: 380, padding: [HEAD, RIGHT, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 }, focus: { prox: 24 } }, focus: { alpha: 0.15 },
      scales: { x: { time: false }, y: { distr: data.log ? 3 : 1, range: bounded } },
      axes: axes(true, shares ? "% of the run" : "step", data.log, 6),
      series: [{}, ...runs.map(({ run, x }, i) => ({
        stroke: () => shade(`--c-${i % 6}`), dash: DASHES[Math.floor(i / 6) % 6], width: 1.8, show: shown(run),
        points: { show: x.length === 1 }, pxAlign: 0,
      }))],
      hooks: {
        draw: [(self) => painted(self, (ctx, ratio, box) => {
          ctx.fillStyle = shade("--text");
          ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
          ctx.fillText(metric + (data.log ? ", logarithmic" : ""), box.left, box.top - 8 * ratio);
        })],
        setSeries: [(self, i) => {
          const each = i === null ? null : runs[i - 1];
          compare.near = each ?? null;
          if (!each) place.textContent = "";
        }],
        setCursor: [(self) => {
          const each = compare.near;
          if (!each || self.cursor.left < 0) { place.textContent = ""; return; }
          const step = self.posToVal(self.cursor.left, "x"), i = nearest(each.x, step);
          place.textContent = `${title(byPlace.get(each.run))}: ${number(each.y[i]) || "not finite"} at ${whole(each.x[i])}${shares ? " %" : ""}`;
        }],
      },
    }, columns(runs, ends, data.log ? data.y[0] : null), plot);
    svg.setAttribute("hidden", "");
    together?.plot.remove();
    together?.u.destroy();
    canvas.append(plot);
    together = { u, runs, plot };
  };

  const listed = () => {
    const list = one(".names", overlay);
    list.replaceChildren(...together.runs.map(({ run }, i) => {
      const key = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      for (const [name, value] of [["class", "key"], ["viewBox", "0 0 24 8"], ["width", 24], ["height", 8], ["aria-hidden", true]]) key.setAttribute(name, value);
      for (const [name, value] of [["class", `c-${i % 6}`], ["d", "M0 4h24"], ["stroke-width", 2.5], ["stroke-dasharray", DASHES[Math.floor(i / 6) % 6].join(" ")]]) line.setAttribute(name, value);
      key.append(line);
      const button = element("button", { type: "button", className: "run-name" }, key, ` ${title(byPlace.get(run))}`);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        if (!off.delete(run)) off.add(run);
        button.setAttribute("aria-pressed", String(!off.has(run)));
        revealed();
      });
      for (const [kind, focus] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]])
        button.addEventListener(kind, () => together.u.setSeries(focus ? i + 1 : null, { focus: true }));
      const item = element("li", {}, button);
      item.dataset.run = run;
      return item;
    }));
  };

  const revealed = () => {
    if (!together) return;
    together.u.batch(() => together.runs.forEach(({ run }, i) => {
      if (together.u.series[i + 1].show !== shown(run)) together.u.setSeries(i + 1, { show: shown(run) });
    }));
    for (const item of all(".names li", overlay)) item.hidden = byPlace.get(Number(item.dataset.run)).hidden;
  };

  if (overlay) {
    const align = element("button", { type: "button" }, "As share of the run");
    const unzoom = element("button", { type: "button" }, "Whole plot");
    align.setAttribute("aria-pressed", "false");
    align.addEventListener("click", () => {
      shares = !shares;
      align.setAttribute("aria-pressed", String(shares));
      compare();
    });
    unzoom.addEventListener("click", compare);
    const tools = element("div", { className: "tools" }, align, unzoom, element("output", { className: "at" }));
    one("figcaption", overlay).prepend(tools);
    one(".static", overlay).hidden = true;
    one(".live", overlay).hidden = false;
    compare();
    listed();
    new ResizeObserver(() => {
      const width = one(".canvas", overlay).clientWidth;
      if (width && together.u.width !== width) together.u.setSize({ width, height: 380 });
    }).observe(one(".canvas", overlay));
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const figure of [...plots.keys()]) { remove(figure); draw(figure); }
    if (overlay) compare();
  });

  // Filter, sort, search

  const controls = one("#controls");
  if (controls) {
    const rows = new Map(all("#rows tr").map((row) => [row.dataset.run, row]));
    const known = cards.map((card, order) => ({
      card, order, row: rows.get(card.dataset.place), name: title(card), data: card.dataset,
      text: all("h3, h5, .message, .reason, .facts", card).map((part) => part.textContent).join(" ").toLowerCase(),
      rules: card.dataset.rules.split(" "),
    }));
    const verdicts = ["unhealthy", "cannot_tell", "healthy"];
    const numeric = (key) => (a, b) => (a.data[key] === "") - (b.data[key] === "") || a.data[key] - b.data[key] || a.order - b.order;
    const orders = {
      order: (a, b) => a.order - b.order,
      name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
      verdict: (a, b) => verdicts.indexOf(a.data.verdict) - verdicts.indexOf(b.data.verdict) || a.order - b.order,
      final: numeric("final"),
      peak: numeric("peak"),
    };
    let sorted = "order";
    const apply = () => {
      const wanted = Object.fromEntries(new FormData(controls));
      const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const each of known) {
        const seen = words.every((word) => each.text.includes(word))
          && (!wanted.verdict || each.data.verdict === wanted.verdict)
          && (!wanted.severity || each.data.severity === wanted.severity)
          && (!wanted.rule || each.rules.includes(wanted.rule));
        each.card.hidden = each.row.hidden = !seen;
        left += seen;
      }
      if (wanted.sort !== sorted) {
        sorted = wanted.sort;
        const order = [...known].sort(orders[sorted]);
        one("#cards").append(...order.map(({ card }) => card));
        one("#rows").append(...order.map(({ row }) => row));
      }
      controls.elements.shown.textContent = `${left.toLocaleString("en-US")} of ${known.length.toLocaleString("en-US")} runs`;
      one("#nothing").hidden = left > 0;
      if (left === 1) for (const { card } of known) if (!card.hidden) all(".more", card).forEach((details) => (details.open = true));
      revealed();
    };
    controls.addEventListener("input", apply);
    controls.addEventListener("submit", (event) => event.preventDefault());
    controls.addEventListener("reset", () => setTimeout(apply));
    // A link must lead somewhere even when its run is filtered out, or folded.
    const reach = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      if (!target) return;
      if (target.hidden) { controls.reset(); setTimeout(() => target.scrollIntoView()); }
      all(":scope > .more", target).forEach((details) => (details.open = true));
    };
    addEventListener("hashchange", reach);
    controls.hidden = false;
    apply();
    reach();
  }

  // Copy

  const toast = one("#toast");
  const said = (text) => {
    toast.textContent = text;
    toast.classList.add("on");
    clearTimeout(said.timer);
    said.timer = setTimeout(() => toast.classList.remove("on"), 1800);
  };
  const copied = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch {
      // Without permission, or on a page that came over plain HTTP, a selection can still be copied.
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    }
  };
  for (const button of all(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      said((await copied(one("pre", button.closest(".code")))) ? "Copied" : "Selected: press Ctrl+C to copy");
    });
  }
})();

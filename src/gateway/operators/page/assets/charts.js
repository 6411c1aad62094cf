// The charts, by uPlot: verdicts over time, and each detector's scores as a map of time and score with its histogram.

// The room for a histogram, in pixels.
const BESIDE = 84;
const figures = new Map();

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plain = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const large = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2, notation: "scientific" });
const number = (value) => (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? large : plain).format(value);
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const middles = ({ start, every, buckets }) => Array.from({ length: buckets }, (_, at) => start + (at + 0.5) * every);
const range = ({ start, every, buckets }) => [start, start + every * buckets];
const moment = ({ start, every }, at) => seconds.format(new Date((start + at * every) * 1000));

// About four whole numbers up to `high`.
function wholes(high) {
  const unit = 10 ** Math.floor(Math.log10(high / 4));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * unit).find((step) => high / step <= 5));
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, at) => at * step);
}

function axis(colour, size) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return { stroke: style(colour), font, size, grid: { show: false }, ticks: { show: false } };
}

function timeAxis() {
  const values = (_, splits) => splits.map((at) => minutes.format(new Date(at * 1000)));
  return { ...axis("--faint", 28), ticks: { stroke: style("--line"), size: 4 }, values };
}

const cursor = {
  y: false,
  points: { show: false },
  drag: { x: true, y: false, setScale: false },
  sync: { key: "time", setSeries: false },
};

// A stretch of time that is marked becomes a filter.
function mark(plot) {
  const { left, width } = plot.select;
  if (width < 8) return;
  const detail = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  document.dispatchEvent(new CustomEvent("stretch", { detail }));
}

function rectangle(context, colour, left, top, width, height) {
  context.fillStyle = colour;
  context.fillRect(left, top, width, height);
}

// Verdicts: suspicious and undecided requests in front, the volume of all faint behind, and what benign traffic alone would
// make suspicious as a dashed line.
const verdicts = {
  height: 190,
  state(charts, model) {
    const sums = (...counts) => model.clean.map((_, at) => counts.reduce((sum, count) => sum + count[at], 0));
    const expected = sums(model.clean, model.suspicious).map((count) => count * model.rate);
    const requests = sums(model.clean, model.suspicious, model.undecided);
    const odd = sums(model.suspicious, model.undecided);
    const high = Math.max(4, ...odd, ...expected) * 1.12;
    // The volume stays low, so that it is not in the way.
    const highest = Math.max(4, ...requests) * 1.9;
    return { charts, ...model, requests, high, highest, data: [middles(charts), expected] };
  },
  options(state) {
    return {
      padding: [10, 6, 0, 4],
      scales: {
        x: { range: () => range(state.charts) },
        y: { range: () => [0, state.high] },
        volume: { range: () => [0, state.highest] },
      },
      axes: [
        timeAxis(),
        { ...axis("--faint", 38), grid: { stroke: style("--line"), width: 1 }, splits: () => wholes(state.high) },
        { ...axis("--clean", 44), scale: "volume", side: 1, splits: () => wholes(state.highest / 1.7) },
      ],
      series: [{}, { scale: "y", stroke: style("--faint"), width: 1.5, dash: [5, 4], points: { show: false } }],
    };
  },
  draw(plot, state) {
    const { ctx: context } = plot;
    const { left, top, width, height } = plot.bbox;
    const bar = width / state.charts.buckets;
    const inner = Math.max(1, bar - (bar > 4 * devicePixelRatio ? devicePixelRatio : 0));
    const stack = (at, above, share, colour) => {
      if (share > 0) rectangle(context, colour, left + at * bar, top + height * (1 - above - share), inner, height * share);
      return above + share;
    };
    const [clean, suspicious, undecided] = ["--clean", "--suspicious", "--undecided"].map(style);
    context.save();
    context.globalAlpha = 0.28;
    state.requests.forEach((count, at) => stack(at, 0, count / state.highest, clean));
    context.globalAlpha = 1;
    state.requests.forEach((_, at) => {
      const above = stack(at, 0, state.suspicious[at] / state.high, suspicious);
      stack(at, above, state.undecided[at] / state.high, undecided);
    });
    context.restore();
  },
  read(element, state, at) {
    const words = element.closest(".model").querySelectorAll(".key i");
    const values = at === null ? null : [state.suspicious[at], state.undecided[at], state.requests[at]];
    ["suspicious", "undecided", "all requests"].forEach((word, index) => {
      words[index].textContent = values ? `${word} ${values[index]}` : word;
    });
    words[3].textContent = values ? `${state.data[1][at].toFixed(1)} expected, ${moment(state.charts, at)}` : "expected of benign traffic";
  },
};

// Scores: a column a bucket, a row a level, the histogram of all of them at the right; one line for the threshold.
const scores = {
  height: 168,
  state(charts, detector) {
    const sums = new Array(charts.levels).fill(0);
    let most = 1;
    for (const [, level, count] of detector.cells) {
      sums[level] += count;
      most = Math.max(most, count);
    }
    return { charts, ...detector, sums, most, data: [middles(charts), middles(charts).map(() => null)] };
  },
  options(state) {
    return {
      padding: [6, BESIDE, 0, 4],
      scales: { x: { range: () => range(state.charts) }, y: { range: () => [0, 1] } },
      axes: [
        timeAxis(),
        {
          ...axis("--faint", 58),
          ticks: { stroke: style("--line"), size: 4 },
          splits: () => state.marks.map((mark) => mark.height),
          values: () => state.marks.map((mark) => number(mark.score)),
        },
      ],
      series: [{}, { points: { show: false } }],
    };
  },
  draw(plot, { charts, cells, sums, most, threshold }) {
    const { ctx: context } = plot;
    const { left, top, width, height } = plot.bbox;
    const [column, row, pixel] = [width / charts.buckets, height / charts.levels, devicePixelRatio];
    const [loud, quiet] = ["--suspicious-rgb", "--clean-rgb"].map(style);
    const colour = (level, shade) => `rgba(${level >= charts.levels / 2 ? loud : quiet}, ${shade})`;
    const share = (count, all) => Math.log1p(count) / Math.log1p(all);
    const topOf = (level) => top + height - (level + 1) * row;
    for (const [bucket, level, count] of cells) {
      rectangle(context, colour(level, 0.25 + 0.75 * share(count, most)), left + bucket * column, topOf(level), Math.max(column, 2 * pixel), row);
    }
    const longest = Math.max(1, ...sums);
    sums.forEach((count, level) => {
      const length = Math.max(1.5 * pixel, (BESIDE - 16) * pixel * share(count, longest));
      if (count) rectangle(context, colour(level, 0.85), left + width + 10 * pixel, topOf(level), length, row - pixel / 2);
    });
    if (threshold !== null) rectangle(context, style("--text"), left, top + (height - pixel) / 2, width + BESIDE * pixel, pixel);
  },
  read(element, { charts, cells, threshold }, at) {
    const readout = element.closest(".detector").querySelector("[data-readout]");
    if (at === null) {
      readout.textContent = threshold === null ? "too few calibrated for a threshold" : `threshold ${number(threshold)}`;
      return;
    }
    const sides = [0, 0];
    for (const [bucket, level, count] of cells) if (bucket === at) sides[level < charts.levels / 2 ? 0 : 1] += count;
    readout.textContent = `${moment(charts, at)}: ${sides[1]} above, ${sides[0]} below`;
  },
};

// A chart that is there already takes the new numbers, so that whoever points at it is not disturbed.
function place(element, kind, state) {
  let figure = figures.get(element);
  if (figure) {
    Object.assign(figure.state, state);
    figure.plot.setData(state.data);
  } else {
    figure = { kind, state };
    const { draw, read } = kind;
    const at = (plot) => plot.cursor.idx ?? null;
    const hooks = {
      drawAxes: [(plot) => draw(plot, figure.state)],
      setCursor: [(plot) => read(element, figure.state, at(plot))],
      setSelect: [mark],
    };
    const size = { width: element.clientWidth, height: kind.height };
    element.replaceChildren();
    figure.plot = new uPlot({ ...size, legend: { show: false }, cursor, hooks, ...kind.options(figure.state) }, state.data, element);
    figures.set(element, figure);
  }
  kind.read(element, figure.state, figure.plot.cursor.idx ?? null);
}

function drop(isGone) {
  for (const [element, { plot }] of figures) {
    if (!isGone(element)) continue;
    plot.destroy();
    figures.delete(element);
  }
}

async function draw() {
  const response = await fetch(`/charts${location.search}`);
  if (!response.ok) return;
  const charts = await response.json();
  drop((element) => !element.isConnected);
  const models = new Map(charts.models.map((model) => [model.name, model]));
  for (const element of document.querySelectorAll("[data-verdicts]")) {
    const model = models.get(element.dataset.verdicts);
    if (model) place(element, verdicts, verdicts.state(charts, model));
  }
  for (const element of document.querySelectorAll("[data-scores]")) {
    const detector = models.get(element.dataset.model)?.detectors.find((one) => one.name === element.dataset.scores);
    if (detector) place(element, scores, scores.state(charts, detector));
  }
}

// One drawing after the other; several wishes meanwhile are one.
let drawing = null;
let again = false;
function request() {
  if (drawing) return (again = true);
  drawing = draw()
    .catch(() => {})
    .finally(() => {
      drawing = null;
      if (again) {
        again = false;
        request();
      }
    });
}

// Colours and widths are taken once: with others all is drawn anew.
function renew() {
  drop(() => true);
  request();
}

document.addEventListener("charts", request);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", renew);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) renew();
  width = innerWidth;
});
request();

// Scores by fold, a line for each model: it grows as models are evaluated.

import { h, put, svg, whenChanged } from "./dom.js";
import { hasEnded } from "./fold.js";
import { score } from "./format.js";

const WIDTH_MIN = 280;
const WIDTH_MAX = 760;
const HEIGHT = 220;
const LEFT = 64;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 30;
const COLOURS = 6;

export function chart() {
  const plot = h("div", { class: "plot" });
  const table = h("div", { class: "scroll" });
  const element = h("section", { class: "panel" }, h("h2", {}, "Cross-validation"), plot, table);
  const show = whenChanged((models, width, isOver) => {
    const none = isOver ? "No model was scored." : "No model has been scored yet.";
    put(plot, models.length ? picture(models, width) : h("p", { class: "quiet" }, none));
    put(table, models.length ? tableOf(models) : null);
  });
  return { element, update: (job) => show(job.models, widthOf(plot), hasEnded(job)) };
}

/** One unit of the picture is one pixel, so that its words are as large as those around it. */
const widthOf = (plot) => Math.min(Math.max(plot.clientWidth, WIDTH_MIN), WIDTH_MAX);

function picture(models, width) {
  const folds = Math.max(...models.map((model) => model.fold_scores.length));
  const values = models.flatMap((model) => [model.score, ...model.fold_scores]).filter(Number.isFinite);
  if (folds === 0 || values.length === 0) return h("p", { class: "quiet" }, "The models have no scores by fold.");
  const scale = scales(width, folds, Math.min(...values), Math.max(...values));
  const label = `Score by fold: ${models.map((model) => `${model.model} ${score(model.score)}`).join(", ")}`;
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label },
    ...axes(scale, folds), ...models.flatMap((model, index) => line(model, index, scale)));
}

/** Places in the picture of a fold (from 0) and of a score; the scores have a tenth of room around them. */
function scales(width, folds, least, most) {
  const room = (most - least || Math.abs(most) || 1) / 10;
  const [low, high] = [least - room, most + room];
  const inner = width - LEFT - RIGHT;
  return {
    low, high, right: width - RIGHT,
    x: (fold) => LEFT + (folds === 1 ? inner / 2 : 20 + ((inner - 40) * fold) / (folds - 1)),
    y: (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM),
  };
}

function axes({ low, high, right, x, y }, folds) {
  const levels = [0, 1, 2, 3].map((step) => low + ((high - low) * (step + 0.5)) / 4);
  const grid = levels.flatMap((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, score(value)),
  ]);
  const every = Math.ceil(folds / 10);
  const names = Array.from({ length: folds }, (_, fold) => fold).filter((fold) => fold % every === 0).map((fold) =>
    svg("text", { class: "tick", x: x(fold), y: HEIGHT - 8, "text-anchor": "middle" }, `fold ${fold + 1}`));
  return [...grid, ...names];
}

function line(model, index, { x, y }) {
  const points = model.fold_scores.map((value, fold) => ({ value, fold })).filter(({ value }) => Number.isFinite(value));
  const path = points.map(({ value, fold }) => `${x(fold)},${y(value)}`).join(" ");
  const dots = points.map(({ value, fold }) =>
    svg("circle", { cx: x(fold), cy: y(value), r: 3.5 }, svg("title", {}, `${model.model}, fold ${fold + 1}: ${score(value)}`)));
  return [svg("g", { class: `series c${index % COLOURS}` }, svg("polyline", { points: path }), ...dots)];
}

function tableOf(models) {
  const folds = Math.max(...models.map((model) => model.fold_scores.length));
  const { metric, maximize } = models[0];
  const heads = ["Model", "All rows", ...Array.from({ length: folds }, (_, fold) => `Fold ${fold + 1}`)];
  return h("table", { class: "scores" },
    h("caption", {}, `${metric}, ${maximize ? "higher" : "lower"} is better; out-of-fold rows`),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, models.map((model, index) => h("tr", {},
      h("th", { scope: "row" }, h("i", { class: `key c${index % COLOURS}`, "aria-hidden": "true" }), model.model),
      h("td", {}, h("strong", {}, score(model.score))),
      Array.from({ length: folds }, (_, fold) => h("td", {}, score(model.fold_scores[fold])))))));
}

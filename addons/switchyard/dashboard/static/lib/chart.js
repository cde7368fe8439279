// Charts over time by uPlot, each with the same figures as a table behind it.

import { html, useEffect, useRef } from "./html.js";
import { words } from "../words.js";

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 2]];
const COLOURS = ["--main", "--good", "--warn", "--bad", "--weak", "--text"];

let library = null;

/** uPlot comes as a classic script: fetched when the first chart is shown. */
function uplot() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "vendor/uplot.js";
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** `times` in Unix seconds, `lines` as `{name, values}`, `text` makes a number readable. */
export function Chart({ times, lines, text, label, when }) {
  const box = useRef(null);
  useEffect(() => {
    let chart = null;
    let gone = false;
    const size = () => ({ width: Math.max(box.current.clientWidth, 200), height: 240 });
    const draw = async () => {
      const Plot = await uplot();
      if (gone) return;
      chart?.destroy();
      chart = new Plot(options(lines, text, size()), [times, ...lines.map((line) => line.values)], box.current);
    };
    draw();
    const watch = new ResizeObserver(() => chart?.setSize(size()));
    watch.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      gone = true;
      watch.disconnect();
      scheme.removeEventListener("change", draw);
      chart?.destroy();
    };
  }, [times, lines]);
  return html`<div>
    <div class="chart" ref=${box} role="img" aria-label=${label}></div>
    <details><summary>${words.table}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
        <thead><tr><th scope="col">${words.usage.columns.when}</th>${lines.map((line) => html`<th scope="col" class="number">${line.name}</th>`)}</tr></thead>
        <tbody>${times.map((time, at) => html`<tr key=${time}><th scope="row">${when(time)}</th>
          ${lines.map((line) => html`<td class="number">${text(line.values[at])}</td>`)}</tr>`)}</tbody>
      </table></div>
    </details>
  </div>`;
}

function options(lines, text, size) {
  const axis = { stroke: colour("--weak"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    ...size,
    axes: [axis, { ...axis, size: 70, values: (_, values) => values.map(text) }],
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
    series: [
      {},
      ...lines.map((line, at) => ({
        label: line.name,
        stroke: colour(COLOURS[at % COLOURS.length]),
        dash: DASHES[at % DASHES.length],
        width: 2,
        points: { show: lines[0].values.length < 40 },
        value: (_, value) => text(value),
      })),
    ],
  };
}

/**
 * The printer of plots: SVG for a notebook. Text and axes take the colour of the page's text, so that they are readable on light and
 * dark; the stylesheet of html.ts adapts the curve.
 *
 * Ours rather than a library's: those that draw a whole chart want a DOM or a canvas, and of those that calculate only (d3-scale,
 * d3-shape) we would use the ticks, ten lines.
 */
import type { BarPlot, LinePlot, Plot } from './plot.js';

const [WIDTH, HEIGHT] = [640, 220] as const;
/** The area of the curve. */
const AREA = { left: 64, right: WIDTH - 28, top: 12, bottom: HEIGHT - 40 };
/** A colour between light and dark, where no stylesheet gives a better one. */
const CURVE = '#3a8fb0';

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text between tags, or in an attribute. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);

const round = (value: number): number => Math.round(value * 10) / 10;

/** `range` of values onto pixels. */
function scale([from, to]: readonly [number, number], start: number, end: number): (value: number) => number {
  return (value) => round(start + ((value - from) / (to - from || 1)) * (end - start));
}

/** Round numbers from `from` to `to`, about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks(from: number, to: number, count = 5): number[] {
  const rough = (to - from || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** '1500', '20k', '3.5M': short enough for an axis. */
function short(value: number): string {
  const size = Math.abs(value);
  for (const [unit, scale] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (size >= scale * 10 || (size >= scale && scale > 1e3)) return `${Number((value / scale).toPrecision(4))}${unit}`;
  }
  return `${Number(value.toPrecision(4))}`;
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end', extra = ''): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="currentColor" opacity=".75"${extra}>${escaped(text)}</text>`;
}

const grid = (y: number): string =>
  `<line x1="${AREA.left}" x2="${AREA.right}" y1="${y}" y2="${y}" stroke="currentColor" opacity=".15"/>`;

function frame({ x, y }: Plot, range: readonly [number, number], parts: readonly string[]): string {
  const at = scale(range, AREA.bottom, AREA.top);
  const rows = ticks(...range, 4).flatMap((value) => [
    grid(at(value)),
    label(AREA.left - 6, at(value) + 4, short(value), 'end'),
  ]);
  const middle = (AREA.top + AREA.bottom) / 2;
  const names = [
    label((AREA.left + AREA.right) / 2, HEIGHT - 6, x, 'middle'),
    label(12, middle, y, 'middle', ` transform="rotate(-90 12 ${middle})"`),
  ];
  const name = escaped(`${y} over ${x}`);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" role="img" aria-label="${name}" ` +
    `font-family="sans-serif" font-size="11">${[...rows, ...parts, ...names].join('')}</svg>`
  );
}

/** More points than pixels: the lowest and the highest of each pixel's. */
function thinned(points: LinePlot['points']): LinePlot['points'] {
  const columns = AREA.right - AREA.left;
  if (points.length <= 2 * columns) return points;
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * points.length) / columns);
    const part = points.slice(from, Math.floor(((column + 1) * points.length) / columns));
    const [first] = part;
    if (first === undefined) return [];
    const least = part.reduce((a, b) => (b[1] < a[1] ? b : a), first);
    const most = part.reduce((a, b) => (b[1] > a[1] ? b : a), first);
    return least[0] < most[0] ? [least, most] : [most, least];
  }).flat();
}

function line(plot: LinePlot): string {
  const { points } = plot;
  const bounds = (values: readonly number[]): [number, number] => [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
  const across = bounds(points.map(([x]) => x));
  let up = bounds(points.map(([, y]) => y));
  if (up[0] === up[1]) up = [up[0] - 1, up[1] + 1];
  const [x, y] = [scale(across, AREA.left, AREA.right), scale(up, AREA.bottom, AREA.top)];
  const labels = ticks(...across, 6).map((value) => label(x(value), AREA.bottom + 16, short(value), 'middle'));
  const path = thinned(points).map(([at, value]) => `${x(at)},${y(value)}`);
  const curve =
    path.length === 1
      ? `<circle cx="${path[0]?.split(',')[0]}" cy="${path[0]?.split(',')[1]}" r="3" fill="${CURVE}"/>`
      : `<polyline points="${path.join(' ')}" fill="none" stroke="${CURVE}" stroke-width="1.5" stroke-linejoin="round"/>`;
  return frame(plot, up, [...labels, curve]);
}

function bars(plot: BarPlot): string {
  const { counts, edges } = plot;
  const most = Math.max(1, ...counts);
  const y = scale([0, most], AREA.bottom, AREA.top);
  const x = scale([0, counts.length], AREA.left, AREA.right);
  // A label takes about 60 pixels.
  const every = Math.ceil((counts.length * 60) / (AREA.right - AREA.left)) || 1;
  const labels = edges.map((edge, i) => (i % every === 0 ? label(x(i), AREA.bottom + 16, edge, 'middle') : ''));
  const parts = counts.map((count, i) => {
    const says = escaped(`${edges[i]} – ${edges[i + 1]}: ${count}`);
    const [left, top] = [x(i), y(count)];
    const [width, height] = [round(Math.max(1, x(i + 1) - left - 1)), round(AREA.bottom - top)];
    return count === 0
      ? ''
      : `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${CURVE}"><title>${says}</title></rect>`;
  });
  return frame(plot, [0, most], [...labels, ...parts]);
}

/** The plot as an SVG element, 640 by 220. */
export function toSvg(plot: Plot): string {
  return plot.kind === 'line' ? line(plot) : bars(plot);
}

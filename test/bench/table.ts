/** What was measured, as data and as one table. */
import type { Cell } from '../../lib/view.js';
import { View } from '../../lib/view.js';
import { type Aim, type Figure, median, quantile, ratio, type Unit } from './measure.js';
import type { Section } from './section.js';

/** More than this above an aim is a miss: a busy machine is no reason to fail. */
const SLACK = 1.2;

export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly median: number;
  /** Between these lie eight of ten rounds. */
  readonly p10: number;
  readonly p90: number;
  readonly rounds: number;
  /** What it is compared with, and how many times that it is: the median of the ratios within each round. */
  readonly floor: string | null;
  readonly ratio: number | null;
}

export interface AimRow extends Aim {
  /** The ratio, or the figure where there is nothing to compare with; null: not measured. */
  readonly value: number | null;
  readonly verdict: 'met' | 'within 20 %' | 'missed' | 'not measured';
}

export interface Part {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly aims: readonly AimRow[];
  /** What was not measured for want of something, and the command that provides it. */
  readonly missing: readonly string[];
}

export function partOf(section: Section, figures: readonly Figure[], missing: readonly string[]): Part {
  const find = (name: string | undefined) => figures.find((figure) => figure.name === name);
  const rows = figures.map((figure): Row => {
    const floor = find(figure.floor);
    return {
      name: figure.name,
      unit: figure.unit,
      median: median(figure.rounds),
      p10: quantile(figure.rounds, 0.1),
      p90: quantile(figure.rounds, 0.9),
      rounds: figure.rounds.length,
      floor: floor?.name ?? null,
      ratio: floor ? ratio(figure, floor) : null,
    };
  });
  const aims = section.aims.map((aim): AimRow => {
    const figure = find(aim.figure);
    const other = find(aim.against);
    if (!figure || (aim.against !== undefined && !other)) return { ...aim, value: null, verdict: 'not measured' };
    const value = other ? ratio(figure, other) : median(figure.rounds);
    const verdict = value <= aim.atMost ? 'met' : value <= aim.atMost * SLACK ? 'within 20 %' : 'missed';
    return { ...aim, value, verdict };
  });
  return { name: section.name, title: section.title, rows, aims, missing };
}

const TONES = { met: 'good', 'within 20 %': 'warn', missed: 'bad', 'not measured': 'warn' } as const;
const right = (text: string, tone: Cell['tone'] = 'plain'): Cell => ({ text, tone, align: 'right' });
/** Three digits that count. */
const number = (value: number): string => {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
};

export function tableOf(title: string, parts: readonly Part[]): View {
  const rows = parts.flatMap(({ name, title, rows, aims, missing }) => [
    [{ text: `${name}: ${title}`, tone: 'value' } as const],
    ...rows.map((row) => [
      { text: row.name, tone: 'name' } as const,
      right(number(row.median), 'value'),
      row.unit,
      right(row.rounds > 1 ? `${number(row.p10)} … ${number(row.p90)}` : '', 'dim'),
      right(row.ratio === null ? '' : `× ${number(row.ratio)}`),
      { text: row.floor ?? '', tone: 'dim' } as const,
    ]),
    ...aims.map((aim) => [
      { text: `aim: ${aim.figure}`, tone: TONES[aim.verdict] } as const,
      right(aim.value === null ? '' : `${aim.against === undefined ? '' : '× '}${number(aim.value)}`, 'value'),
      '',
      right(`at most ${aim.against === undefined ? '' : '× '}${number(aim.atMost)}`),
      right(aim.verdict, TONES[aim.verdict]),
      { text: aim.against ?? '', tone: 'dim' } as const,
    ]),
    ...missing.map((text) => [{ text: 'not measured', tone: 'warn' } as const, '', '', '', '', `needs ${text}`]),
  ]);
  return new View(title, ['', 'median', '', '8 of 10 rounds', 'ratio', 'to'], rows);
}

/** What is watched, look by look: registers with changed bits lit, interrupts, counters with their rates, or whatever has a picture. */
import { RegisterValue } from '../lib/fields.js';
import { duration } from '../lib/histogram.js';
import { Irq } from '../lib/irq.js';
import { BoundRegister, RegisterBlock } from '../lib/registers.js';
import { type Reading, Snapshot, snapshot, snapshotOf, hexOf } from '../lib/snapshot.js';
import { type CellLike, View, viewOf } from '../lib/view.js';
import { Lights, Rates, rateText } from './changes.js';

/** What one look gave. */
export interface Look {
  /** To be shown: a View, where there is one. */
  readonly picture: unknown;
  /** The registers that were read. */
  readonly registers?: Snapshot;
}

type Counters = readonly (readonly [name: string, value: number | bigint])[];

export class Watched {
  /** Reads, or asks: the one step that may touch a card. */
  readonly read: () => unknown;
  readonly #title: string | undefined;
  /** What a lone number is called. */
  readonly #name: string;
  readonly #lights = new Lights();
  readonly #rates = new Rates();

  constructor(source: unknown, title: string | undefined) {
    this.read = reader(source);
    this.#title = title;
    this.#name = title ?? nameOf(source);
  }

  /** What to show of what was read. Touches nothing. */
  look(value: unknown): Look {
    const now = performance.now();
    const registers =
      value instanceof Snapshot ? value : value instanceof RegisterValue ? snapshotOf(value) : undefined;
    const view = this.#view(value, now);
    if (view === undefined) return { picture: value };
    // A lone number has it before it.
    const picture = this.#title === undefined || isCount(value) ? view : view.with({ title: this.#title });
    return registers ? { picture, registers } : { picture };
  }

  #view(value: unknown, now: number): View | undefined {
    if (value instanceof Snapshot) return this.#registers(value, now);
    const irqs = interruptsOf(value);
    if (irqs) return this.#interrupts(irqs, now);
    const counters = countersOf(value, this.#name);
    if (counters) return this.#counters(counters, now);
    const view = viewOf(value);
    return view && this.#lit(view, now);
  }

  #registers(taken: Snapshot, now: number): View {
    const changed = (reading: Reading) => {
      const { name, fields } = reading;
      const text = hexOf(reading);
      const digits = [...text].map((digit, at) => this.#lights.lit(`${name} ${at - text.length}`, digit, now));
      const named = new Set(
        Object.keys(fields).filter((field) => this.#lights.lit(`${name}.${field}`, fields[field] ?? '', now)),
      );
      return { digit: (at: number) => digits[at] === true, field: (field: string) => named.has(field) };
    };
    const counts = ({ name, raw }: Reading): string => {
      const rate = raw === undefined ? undefined : this.#rates.rate(name, raw, now);
      return rate?.steady ? rateText(rate) : '';
    };
    return taken.picture(changed, counts);
  }

  #interrupts(irqs: readonly Irq[], now: number): View {
    const time = process.hrtime.bigint();
    // '0000:03:00.0' of '0000:03:00.0/msi[0]'.
    const cards = new Set(irqs.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
    const [card = ''] = cards.size === 1 ? cards : [];
    const rows = irqs.map((irq): CellLike[] => {
      const { path, count, drainedAt, latency } = irq;
      const state = !irq.enabled ? 'disabled' : irq.masked ? 'masked' : 'enabled';
      const rate = this.#rates.rate(path, count, now);
      return [
        { text: path.slice(card === '' ? 0 : card.length + 1), tone: 'name' },
        { text: state, tone: irq.enabled ? (irq.masked ? 'warn' : 'good') : 'dim' },
        { text: `${count}`, tone: this.#lights.lit(path, `${count}`, now) ? 'changed' : 'value', align: 'right' },
        { text: rate ? rateText(rate) : '', align: 'right' },
        { text: latency === undefined ? '' : duration(latency), align: 'right' },
        { text: drainedAt === undefined ? '' : age(Number((time - drainedAt) / 1_000_000_000n)), tone: 'dim' },
      ];
    });
    return new View(card, ['interrupt', 'state', 'fired', 'rate', 'latency', 'last'], rows);
  }

  #counters(counters: Counters, now: number): View {
    const rows = counters.map(([name, value]): CellLike[] => {
      const rate = this.#rates.rate(name, value, now);
      const whole = typeof value === 'bigint' || Number.isInteger(value);
      const tone = this.#lights.lit(name, `${value}`, now) ? 'changed' : 'value';
      return [
        { text: name, tone: 'name' },
        { text: whole ? `${value}` : `${Number(Number(value).toPrecision(6))}`, tone, align: 'right' },
        { text: whole && (value >= 10 || value <= -10) ? hexText(value) : '', tone: 'dim', align: 'right' },
        { text: rate ? rateText(rate) : '', align: 'right' },
      ];
    });
    return new View('', [], rows);
  }

  #lit(view: View, now: number): View {
    const rows = view.rows.map((row, y) =>
      row.map((cell, x) =>
        this.#lights.lit(`${y},${x}`, cell.text, now) ? { ...cell, tone: 'changed' as const } : cell,
      ),
    );
    return view.with({ rows });
  }
}

/** Registers are read: all that reading does not change. A function is called; whatever else is there draws itself. */
function reader(source: unknown): () => unknown {
  if (source instanceof RegisterBlock || source instanceof BoundRegister) return () => snapshot(source);
  if (isArrayOf(source, BoundRegister)) return () => snapshot(source);
  if (typeof source === 'function') return () => source();
  return () => source;
}

function isArrayOf<T>(value: unknown, kind: abstract new (...parts: never[]) => T): value is readonly T[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => each instanceof kind);
}

const interruptsOf = (value: unknown): readonly Irq[] | undefined =>
  value instanceof Irq ? [value] : isArrayOf(value, Irq) ? value : undefined;

const isCount = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

/** Numbers by name: one alone, or those of a plain object that has nothing else. */
function countersOf(value: unknown, name: string): Counters | undefined {
  if (isCount(value)) return [[name, value]];
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return undefined;
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every((entry): entry is [string, number | bigint] => isCount(entry[1]))
    ? entries
    : undefined;
}

/** `() => irq.count` is called what it says; other functions by their name. */
function nameOf(source: unknown): string {
  if (typeof source !== 'function') return 'value';
  const [, text] = /^(?:async )?\(\) => ([^\n{]{1,60})$/.exec(String(source)) ?? [];
  return text?.replace(/\bexports\./g, '').replace(/^await /, '') ?? (source.name === '' ? 'value' : source.name);
}

const hexText = (value: number | bigint): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

const age = (seconds: number): string =>
  seconds < 1 ? 'just now' : seconds < 120 ? `${seconds} s ago` : `${Math.floor(seconds / 60)} min ago`;

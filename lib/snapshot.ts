/** Every register of a map at one moment, as data: to look at, to keep, to compare with another moment. */
import { layoutOf, RegisterValue } from './fields.js';
import { changesByReading, type RegisterSpec } from './map.js';
import { BoundRegister, type RegisterBlock } from './registers.js';
import { type Cell, type CellLike, Shown, VIEW, View } from './view.js';

/** A register of any map: its verbs differ with its access. */
type AnyRegister = Omit<BoundRegister, 'read' | 'write' | 'modify' | 'change' | 'decode'>;

/** One register of a snapshot. */
export interface Reading {
  readonly name: string;
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Hex digits of the whole value. */
  readonly digits: number;
  /** Absent where it was not read. */
  readonly raw?: number | bigint;
  /** By field: '1', '0x2a', a name. Empty for a register without fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** Why it was not read. */
  readonly unread?: string;
}

export class Snapshot extends Shown {
  /** '0000:03:00.0/bar0'. */
  readonly path: string;
  readonly readings: readonly Reading[];

  constructor(path: string, readings: readonly Reading[]) {
    super();
    this.path = path;
    this.readings = readings;
  }

  /** The raw value of a register, by its name (`STATUS`, `RING[3]`); undefined where it was not read. */
  raw(name: string): number | bigint | undefined {
    return this.readings.find((reading) => reading.name === name)?.raw;
  }

  /** What has changed since another moment: a row for each register and field that differs. */
  since(earlier: Snapshot): View {
    const rows = this.readings.flatMap((reading): CellLike[][] => {
      const before = earlier.readings.find(({ name }) => name === reading.name);
      const fields = before && differing(before, reading);
      if (!fields) return [];
      return [
        [
          { text: reading.name, tone: 'name' },
          { text: hexOf(before), tone: 'dim' },
          '→',
          { text: hexOf(reading), tone: 'changed' },
          fields.join(', '),
        ],
      ];
    });
    return new View(`${this.path}: ${rows.length === 0 ? 'nothing' : rows.length} changed`, [], rows);
  }

  [VIEW](): View {
    return this.picture();
  }

  /** The View, with those parts drawn as changed, and behind a register without fields what `aside` says of it. */
  picture(changed: (reading: Reading) => Lit = () => UNLIT, aside: (reading: Reading) => string = () => ''): View {
    const rows = this.readings.map((reading): CellLike[] => {
      const { offset, name, raw, unread = '', fields } = reading;
      const lit = changed(reading);
      const text = hexOf(reading);
      const digits = [...text].map((digit, at) => ({ text: digit, lit: at > 1 && lit.digit(at) }));
      const named = Object.entries(fields).flatMap(([field, value], index) => [
        ...(index > 0 ? [{ text: ' ', lit: false }] : []),
        { text: `${field}=${value}`, lit: lit.field(field) },
      ]);
      return [
        { text: `0x${offset.toString(16).padStart(2, '0')}`, tone: 'dim' },
        { text: name, tone: 'name' },
        raw === undefined ? { text: unread, tone: 'dim' } : { ...joined(digits), tone: 'value' },
        named.length > 0 ? joined(named) : aside(reading),
      ];
    });
    return new View(this.path, ['offset', 'name', 'value', 'fields'], rows);
  }
}

/** What has changed of a register: characters of its hex text, and fields. */
export interface Lit {
  readonly digit: (at: number) => boolean;
  readonly field: (name: string) => boolean;
}

const UNLIT: Lit = { digit: () => false, field: () => false };

/** One cell of parts, those that are lit drawn as changed. */
function joined(parts: readonly { readonly text: string; readonly lit: boolean }[]): Cell {
  const changed: [from: number, to: number][] = [];
  let at = 0;
  for (const { text, lit } of parts) {
    const last = changed.at(-1);
    if (lit && last?.[1] === at) last[1] += text.length;
    else if (lit) changed.push([at, at + text.length]);
    at += text.length;
  }
  const text = parts.map((part) => part.text).join('');
  return changed.length > 0 ? { text, changed } : { text };
}

export const hexOf = ({ raw, digits }: Reading): string =>
  raw === undefined ? '' : `0x${raw.toString(16).padStart(digits, '0')}`;

/** The fields that differ, as 'COMPUTING 0 → 1'; undefined where the register does not, or was not read. */
export function differing(before: Reading, after: Reading): readonly string[] | undefined {
  if (before.raw === undefined || after.raw === undefined || before.raw === after.raw) return undefined;
  return Object.entries(after.fields)
    .filter(([name, value]) => before.fields[name] !== value)
    .map(([name, value]) => `${name} ${before.fields[name]} → ${value}`);
}

/**
 * Reads every register of a bound map, or one, or those of an array, once each in ascending order, and keeps the values. Those that
 * reading would change (access 'rclr', or a field of it), and those that are write-only, are left out and say so.
 *
 * @throws BusError, ClosedError as `Region.read32` does.
 * @example
 * const before = snapshot(edu)
 * edu.STATUS.modify({ IRQ: 1 })
 * snapshot(edu).since(before)
 */
export function snapshot(registers: RegisterBlock | AnyRegister | readonly AnyRegister[]): Snapshot {
  const all = registers instanceof BoundRegister ? [registers] : registersOf(registers as RegisterBlock);
  return new Snapshot(regionOf(all[0]?.path ?? ''), all.map(reading));
}

/** '0000:03:00.0/bar0' of '0000:03:00.0/bar0+0x20 STATUS'. */
const regionOf = (path: string): string => path.replace(/\+0x[0-9a-f]+ .*$/, '');

/** The snapshot of the one register that gave this value. Reads nothing. */
export function snapshotOf(value: RegisterValue): Snapshot {
  const { path, spec } = RegisterValue.register(value);
  const offset = Number(/\+(0x[0-9a-f]+) /.exec(path)?.[1] ?? 0);
  return new Snapshot(regionOf(path), [readingOf(path.split(' ').at(-1) ?? '', offset, spec, value)]);
}

/** The registers of a bound map, arrays of registers laid out. */
function registersOf(block: RegisterBlock): BoundRegister[] {
  return Object.values(block).flat() as BoundRegister[];
}

function reading(register: BoundRegister): Reading {
  const { name, offset, spec } = register;
  const about = { name, offset, digits: spec.width / 4, fields: {} };
  if (spec.access === 'wo') return { ...about, unread: 'write-only' };
  if (changesByReading(spec)) {
    return { ...about, unread: 'not read: reading it changes it' };
  }
  return readingOf(name, offset, spec, register.read());
}

function readingOf(name: string, offset: number, spec: RegisterSpec, value: unknown): Reading {
  const about = { name, offset, digits: spec.width / 4, fields: {} };
  if (typeof value !== 'object' || value === null) return { ...about, raw: value as number | bigint };
  const { raw } = value as { raw: number | bigint };
  const named = value as Record<string, number | bigint | string>;
  const fields = layoutOf(spec).map(({ name }): [string, string] => [name, text(named[name] ?? '')]);
  return { ...about, raw, fields: Object.fromEntries(fields) };
}

const text = (value: number | bigint | string): string =>
  typeof value === 'string' || value < 10 ? `${value}` : `0x${value.toString(16)}`;

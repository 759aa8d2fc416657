/** Every register of a map at one moment, as data: to look at, to keep, to compare with another moment. */
import { layoutOf } from './fields.js';
import { BoundRegister, changesByReading, type RegisterBlock } from './registers.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

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
      if (before?.raw === undefined || reading.raw === undefined || before.raw === reading.raw) return [];
      const fields = Object.entries(reading.fields)
        .filter(([name, value]) => before.fields[name] !== value)
        .map(([name, value]) => `${name} ${before.fields[name]} → ${value}`);
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
    const rows = this.readings.map((reading): CellLike[] => [
      { text: `0x${reading.offset.toString(16).padStart(2, '0')}`, tone: 'dim' },
      { text: reading.name, tone: 'name' },
      reading.raw === undefined ? { text: reading.unread ?? '', tone: 'dim' } : { text: hexOf(reading), tone: 'value' },
      Object.entries(reading.fields)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    ]);
    return new View(this.path, ['offset', 'name', 'value', 'fields'], rows);
  }
}

const hexOf = ({ raw, digits }: Reading): string =>
  raw === undefined ? '' : `0x${raw.toString(16).padStart(digits, '0')}`;

/**
 * Reads every register of a bound map, or one, once each in ascending order, and keeps the values. Those that reading would change (access
 * 'rclr', or a field of it), and those that are write-only, are left out and say so.
 *
 * @throws BusError, ClosedError as `Region.read32` does.
 * @example
 * const before = snapshot(edu)
 * edu.STATUS.modify({ IRQ: 1 })
 * snapshot(edu).since(before)
 */
export function snapshot(registers: RegisterBlock | AnyRegister): Snapshot {
  const all = registers instanceof BoundRegister ? [registers] : registersOf(registers as RegisterBlock);
  const [first] = all;
  const path = first?.path.replace(/\+0x[0-9a-f]+ .*$/, '') ?? '';
  return new Snapshot(path, all.map(reading));
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
  const value = register.read();
  if (typeof value !== 'object' || value === null) return { ...about, raw: value as number | bigint };
  const { raw } = value as { raw: number | bigint };
  const named = value as Record<string, number | bigint | string>;
  const fields = layoutOf(spec).map(({ name }): [string, string] => [name, text(named[name] ?? '')]);
  return { ...about, raw, fields: Object.fromEntries(fields) };
}

const text = (value: number | bigint | string): string =>
  typeof value === 'string' || value < 10 ? `${value}` : `0x${value.toString(16)}`;

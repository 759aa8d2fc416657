/** Config space to look at: one line a capability, one a register, one a field; what is wrong stands out. Pure: data in, Views out. */
import { inspect } from 'node:util';
import { type Field, layoutOf, RegisterValue } from '../fields.js';
import type { RegisterMap, RegisterSpec } from '../map.js';
import { type Cell, type CellLike, VIEW, View, viewOf } from '../view.js';
import { AbsentRegister, type Place, type RegisterShape } from './capability.js';
import { offsetsOf } from './decode.js';
import type { HeaderData } from './layout.js';
import { STATES } from './states.js';
import { hex } from './words.js';

/** Gives data a picture of itself; as data it stays what it is. */
export function pictured<T extends object>(data: T, view: () => View): T {
  const custom = (depth: number, options: { readonly colors?: boolean }) => view()[inspect.custom](depth, options);
  return Object.defineProperties(data, { [VIEW]: { value: view }, [inspect.custom]: { value: custom } });
}

interface Picture {
  readonly rows: CellLike[][];
  readonly folds: (View | undefined)[];
}

/** A register a line: offset, name, value, the fields that are set; folded behind it all its fields. */
function registers(
  map: RegisterMap,
  data: Readonly<Record<string, unknown>>,
  base = 0,
  shape: Readonly<Record<string, RegisterShape | undefined>> = {},
): Picture {
  const lines = Object.entries(map)
    .filter(([name]) => Object.keys(data).includes(name))
    .flatMap(([name, spec]) => {
      const offsets = offsetsOf(spec, shape[name]);
      const values = spec.count === 0 ? [data[name]] : (data[name] as readonly unknown[]);
      return values.map((value, index) => {
        const full = spec.count === 0 ? name : `${name}[${index}]`;
        return { offset: base + (offsets[index] ?? 0), row: row(full, spec, value), fold: viewOf(value) };
      });
    })
    .sort((a, b) => a.offset - b.offset);
  return {
    rows: lines.map(({ offset, row }) => [{ text: `0x${hex(offset, 2)}`, tone: 'dim', align: 'right' }, ...row]),
    folds: lines.map(({ fold }) => fold),
  };
}

function row(name: string, spec: RegisterSpec, value: unknown): CellLike[] {
  const raw = value instanceof RegisterValue ? value.raw : (value as number | bigint);
  const head: CellLike[] = [
    { text: name, tone: 'name' },
    { text: `0x${hex(raw, spec.width / 4)}`, tone: Number(raw) === 0 ? 'dim' : 'value', align: 'right' },
  ];
  const errors = errorsOf(spec, raw);
  const shown = layoutOf(spec).filter((field) => !errors.includes(field) && says(field, raw));
  const text = shown.map((field) => fieldText(field, raw)).join('  ');
  const rest: CellLike[] = [];
  if (errors.length > 0) rest.push({ text: errors.map((field) => field.name).join('  '), tone: 'bad' });
  if (text !== '') rest.push(text);
  if (rest.length === 0 && layoutOf(spec).length > 0) rest.push({ text: '-', tone: 'dim' });
  return [...head, ...rest];
}

const codeOf = ({ msb, lsb }: Field, raw: number | bigint): number =>
  Number((BigInt(raw) >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n));

/** A field that is not 0, or whose 0 has a name. */
const says = (field: Field, raw: number | bigint): boolean =>
  codeOf(field, raw) !== 0 || (field.msb !== field.lsb && field.names.has(0));

function fieldText(field: Field, raw: number | bigint): string {
  if (field.msb === field.lsb && field.names.size === 0) return field.name;
  const code = codeOf(field, raw);
  const number = code > 9 && field.unit === undefined ? `0x${hex(code)}` : `${code}`;
  return `${field.name}=${field.names.get(code) ?? number}`;
}

/** Write-1-to-clear bits that are set, of a register that holds errors. */
const errorsOf = (spec: RegisterSpec, raw: number | bigint): readonly Field[] =>
  spec.errors ? layoutOf(spec).filter((field) => field.access === 'w1c' && codeOf(field, raw) !== 0) : [];

/** What a picture needs of a capability beside its data. */
export interface Described {
  readonly title: string;
  readonly ref: string;
  readonly registers: RegisterMap;
  readonly shape: () => Readonly<Record<string, RegisterShape | undefined>>;
}

/** Behind offset, name and value: what is wrong comes before what is set. */
const FIRST = 3;

/** One capability: its registers. */
export function capabilityView(
  path: string,
  capability: Place,
  { title, ref, registers: map, shape }: Described,
): View {
  const { rows, folds } = registers(map, capability as unknown as Record<string, unknown>, capability.offset, shape());
  const state = statesOf(capability, map);
  const marks = present(() => STATES[capability.name]?.marks?.(capability as never)) ?? {};
  for (const [name, cell] of Object.entries(marks)) {
    rows.find(([, label]) => (label as Cell).text === name)?.splice(FIRST, 0, cell);
  }
  const words = state
    .map((cell) => (typeof cell === 'string' ? cell : cell.text))
    .filter((text) => text !== '')
    .join(', ');
  return new View(
    `${path}+0x${hex(capability.offset)} ${capability.name}  ${title}${words === '' ? '' : `: ${words}`}`,
    [],
    [...rows, ['', '', '', { text: ref, tone: 'dim' }]],
    { folds },
  );
}

/** Nothing, where a register is asked for that the bytes do not hold. */
function present<T>(of: () => T): T | undefined {
  try {
    return of();
  } catch (error) {
    if (error instanceof AbsentRegister) return undefined;
    throw error;
  }
}

/** How it is in a word, then what is below what it could be, then its errors. */
function statesOf(capability: Place, map: RegisterMap): CellLike[] {
  const data = capability as unknown as Readonly<Record<string, unknown>>;
  const states = [...(present(() => STATES[capability.name]?.states(capability as never)) ?? [])];
  const errors = Object.entries(map).flatMap(([name, spec]) => {
    const value = spec.errors && Object.keys(data).includes(name) ? data[name] : undefined;
    return value instanceof RegisterValue ? errorsOf(spec, value.raw).map((field) => field.name) : [];
  });
  if (errors.length === 0) return states;
  const more = errors.length > NAMED ? ` and ${errors.length - NAMED} more` : '';
  const cell: Cell = { text: `errors: ${errors.slice(0, NAMED).join(' ')}${more}`, tone: 'bad' };
  return [...(states.length === 0 ? [''] : states), cell];
}

/** Errors that a line names. */
const NAMED = 4;

/** All capabilities: a line each, folded behind it its registers. */
export function overview(path: string, all: readonly Place[], described: ReadonlyMap<Place, Described>): View {
  const rows = all.map((one): CellLike[] => {
    const known = described.get(one);
    const head: CellLike[] = [
      { text: `0x${hex(one.offset, 2)}`, tone: 'dim', align: 'right' },
      { text: one.name, tone: 'name' },
    ];
    if (known === undefined) return [...head, { text: 'unknown', tone: 'dim' }];
    return [...head, known.title, ...statesOf(one, known.registers)];
  });
  const folds = all.map((one) => viewOf(one));
  const [first] = all.filter((one) => described.has(one));
  const count = `${all.length} ${all.length === 1 ? 'capability' : 'capabilities'}`;
  const hint = first === undefined ? '' : `; dev.cap('${first.name}') shows one whole`;
  return new View(`${path}  ${count}${hint}`, [], rows, { folds });
}

/** An unknown capability: its bytes. */
export function unknownView(
  path: string,
  { offset, name, bytes }: Place & { readonly bytes: readonly number[] },
): View {
  const rows: CellLike[][] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const text = bytes.slice(at, at + 16).map((byte) => hex(byte, 2));
    rows.push([{ text: `0x${hex(offset + at, 2)}`, tone: 'dim', align: 'right' }, text.join(' ')]);
  }
  return new View(`${path}+0x${hex(offset)} ${name}  unknown capability`, [], rows);
}

/** The header: its registers, then what they make together. */
export function headerView(path: string, header: HeaderData, map: RegisterMap): View {
  const { rows, folds } = registers(map, header as unknown as Record<string, unknown>);
  for (const { index, kind, type, prefetchable, address, size } of header.bars) {
    const words = [kind, ...(type === undefined ? [] : [type]), ...(prefetchable ? ['prefetchable'] : [])].join(' ');
    rows.push([
      '',
      { text: `BAR ${index}`, tone: 'name' },
      { text: address, tone: 'value', align: 'right' },
      sized(words, size),
    ]);
  }
  if (header.rom !== undefined) {
    const { address, enabled, size } = header.rom;
    const state = sized(enabled ? 'enabled' : 'disabled', size);
    rows.push(['', { text: 'ROM', tone: 'name' }, { text: address, tone: 'value', align: 'right' }, state]);
  }
  for (const { kind, base, limit, bits, open } of header.windows) {
    const range = { text: `${base}-${limit}`, tone: open ? 'value' : 'dim' } as const;
    rows.push([
      '',
      { text: 'window', tone: 'name' },
      '',
      `${kind} ${bits}-bit ${open ? '' : '(closed)'}`.trimEnd(),
      range,
    ]);
  }
  return new View(`${path}  header, ${header.layout}`, [], rows, { folds });
}

const sized = (words: string, size: number | undefined): string =>
  size === undefined ? words : `${words}, 0x${hex(size)} bytes`;

/**
 * Registers: what binding a map to a region gives, with the verbs that each one's access mode allows.
 *
 * A misspelt register or field, a write to a read-only one, or an index past an array's end is a type error: the cell is refused
 * before the card is touched. Plain JavaScript gets the same refusals as a UsageError.
 */
import type { Value, Width } from './backend.js';
import { LabError, UsageError } from './errors.js';
import {
  decodeFields,
  encodeFields,
  type Fields,
  type FieldValues,
  fieldMask,
  layoutOf,
  type Patch,
  RegisterValue,
} from './fields.js';
import type { Access, RegisterMap, RegisterSpec } from './map.js';
import type { Region } from './region.js';
import { Shown, VIEW, View } from './view.js';

/** What `read()` gives: the plain number where the register has no fields, else the named fields and `raw`. */
export type ReadValue<W extends Width, F extends Fields> = keyof F extends never
  ? Value<W>
  : RegisterValue<W> & FieldValues<W, F>;

/** Fields by name, where the register has any: an object without a member would let everything pass. */
type ByName<W extends Width, F extends Fields> = keyof F extends never ? never : Patch<W, F>;

/** What `write()` takes: the whole value, or named fields (the others become 0). */
export type WriteValue<W extends Width, F extends Fields> = Value<W> | ByName<W, F>;

export interface Readable<W extends Width, F extends Fields> {
  /**
   * Reads the register once, with its width.
   *
   * @returns the number (bigint for 64 bits) where the map declares no fields; else an object with the fields by name and the
   * whole value as `raw`. A field with an enum is its name where the code is known.
   * @throws UsageError for a write-only register; BusError, ClosedError as Region.read32 does.
   * @example if (edu.STATUS.read().COMPUTING) …
   */
  read(): ReadValue<W, F>;
}

export interface Writable<W extends Width, F extends Fields> {
  /**
   * Writes the register once: a whole value, or fields by name, all others 0.
   *
   * @throws UsageError for a read-only register, an unknown field, a value that does not fit; the device is not touched.
   * @example edu.STATUS.write({ IRQ: 1 })
   */
  write(value: WriteValue<W, F>): void;
}

export interface Modifiable<W extends Width, F extends Fields> {
  /**
   * Reads, changes the named fields, writes: two accesses. Write-1-to-clear and write-only fields that are not named are written as 0, so
   * nothing is cleared or started by accident; reserved bits as they were read, or as 0 where the map says so.
   *
   * @throws UsageError as `write` does, and for registers whose reading has a side effect.
   * @example edu.STATUS.modify({ IRQ: 1 })
   */
  modify(fields: ByName<W, F>): void;
  /** The same by bits: those that are set in `mask` become what they are in `bits`. */
  modify(bits: Value<W>, mask: Value<W>): void;
  /**
   * As `modify()` does, then reads the register once more: three accesses.
   *
   * @returns what it holds then.
   * @throws LabError where a field that was named does not hold what was written: it is read-only after all, self-clearing, or the map
   * is wrong. (A write-1-to-clear field is to read as 0.) Otherwise as `modify()`.
   * @example edu.STATUS.change({ IRQ: 1 })
   */
  change(fields: ByName<W, F>): ReadValue<W, F>;
}

/** A register bound to a region, with the verbs that its access mode allows. */
export type Register<W extends Width, F extends Fields, A extends Access> = Omit<
  BoundRegister,
  'read' | 'write' | 'modify' | 'change' | 'decode'
> & {
  /** What `read()` would give for this raw value: pure, touches nothing. */
  decode(raw: Value<W>): ReadValue<W, F>;
} & (A extends 'wo' ? unknown : Readable<W, F>) &
  (A extends 'ro' ? unknown : Writable<W, F>) &
  (A extends 'rw' | 'w1c' ? Modifiable<W, F> : unknown);

type Tuple<T, N extends number, R extends readonly T[] = readonly []> = R['length'] extends N
  ? R
  : Tuple<T, N, readonly [...R, T]>;
/** A tuple for the counts that occur in datasheets, so that an index past its end is a type error; an array beyond. */
export type Elements<T, N extends number> = number extends N
  ? readonly T[]
  : `${N}` extends `${infer _1}${infer _2}${infer _3}${infer _4}${infer _Rest}`
    ? readonly T[]
    : Tuple<T, N>;

/** A map bound to a region. */
export type Registers<M extends RegisterMap> = RegisterBlock & {
  readonly [K in keyof M]: M[K] extends RegisterSpec<infer W, infer F, infer A, infer N>
    ? N extends 0
      ? Register<W, F, A>
      : Elements<Register<W, F, A>, N>
    : never;
};

/** One register of a bound map; Readable, Writable and Modifiable say what its verbs mean. Holding or showing it reads nothing. */
export class BoundRegister extends Shown {
  readonly name: string;
  readonly spec: RegisterSpec;
  /** Bytes from the start of the region. */
  readonly offset: number;
  readonly #region: Region;

  constructor(region: Region, name: string, spec: RegisterSpec, offset: number) {
    super();
    this.#region = region;
    this.name = name;
    this.spec = spec;
    this.offset = offset;
  }

  /** What it is a register of. */
  get region(): Region {
    return this.#region;
  }

  /** '0000:03:00.0/bar0+0x20 STATUS'. */
  get path(): string {
    return `${this.#region.path}+0x${this.offset.toString(16)} ${this.name}`;
  }

  read(): unknown {
    if (this.spec.access === 'wo')
      throw this.#refusal('read', 'the register is write-only', 'keep the last value written in a variable');
    const raw = this.#region.read(this.offset, this.spec.width);
    return this.decode(raw);
  }

  decode(raw: number | bigint): unknown {
    const fields = decodeFields(this.spec, raw);
    return fields === undefined ? raw : new RegisterValue(this.path, this.spec, raw, fields);
  }

  write(value: number | bigint | object): void {
    if (this.spec.access === 'ro')
      throw this.#refusal(
        'write',
        'the register is read-only',
        'the datasheet has a writable one, or the map is wrong',
      );
    const raw = typeof value === 'object' ? this.#encode('write', value, this.spec.width === 64 ? 0n : 0) : value;
    this.#region.write(this.offset, this.spec.width, raw);
  }

  modify(change: object | number | bigint, mask?: number | bigint): void {
    const { access } = this.spec;
    if (access !== 'rw' && access !== 'w1c') {
      throw this.#refusal(
        'modify',
        access === 'rclr' ? 'reading it has a side effect' : `its access is ${access}`,
        access === 'ro' ? 'read it' : 'write the whole value',
      );
    }
    const changed = (kept: number | bigint) =>
      typeof change === 'object' ? this.#encode('modify', change, kept) : this.#masked(change, mask, kept);
    changed(this.spec.width === 64 ? 0n : 0); // a bad field is refused before the read
    const keep = fieldMask(this.spec, (field) => field !== 'w1c' && field !== 'wo');
    const raw = this.#region.read(this.offset, this.spec.width);
    const kept = typeof raw === 'bigint' ? raw & keep : Number(BigInt(raw) & keep);
    this.#region.write(this.offset, this.spec.width, changed(kept));
  }

  change(fields: object): unknown {
    this.modify(fields);
    const value = this.read();
    const raw = BigInt((value as { readonly raw: number | bigint }).raw);
    const wanted = BigInt(this.#encode('change', fields, this.spec.width === 64 ? 0n : 0));
    const lost = layoutOf(this.spec)
      .filter(({ name, access }) => Object.hasOwn(fields, name) && access !== 'wo')
      .map((field) => {
        const ones = (1n << BigInt(field.msb - field.lsb + 1)) - 1n;
        const [is, was] = [raw, wanted].map((bits) => (bits >> BigInt(field.lsb)) & ones) as [bigint, bigint];
        return { name: field.name, is, was: field.access === 'w1c' ? is & ~was : was };
      })
      .filter(({ is, was }) => is !== was);
    if (lost.length === 0) return value;
    throw new LabError({
      path: this.path,
      attempted: 'change',
      reason: lost
        .map(({ name, is, was }) => `${name} reads 0x${is.toString(16)}, not 0x${was.toString(16)}`)
        .join('; '),
      hint: 'modify() writes without looking; is it the right bit, and does the device take it now?',
    });
  }

  [VIEW](): View {
    const { width, access, doc } = this.spec;
    const rows = layoutOf(this.spec).map((field) => [
      field.msb === field.lsb ? `[${field.lsb}]` : `[${field.msb}:${field.lsb}]`,
      { text: field.name, tone: 'name' } as const,
      field.access,
      { text: [...field.names.entries()].map(([code, name]) => `${code}=${name}`).join(' '), tone: 'dim' } as const,
    ]);
    return new View(`${this.path}  ${width}-bit ${access}${doc === '' ? '' : `  ${doc}`}`, [], rows);
  }

  #encode(attempted: string, fields: object, start: number | bigint): number | bigint {
    return encodeFields(this.spec, fields, start, (reason, hint) => this.#refusal(attempted, reason, hint));
  }

  #masked(bits: number | bigint, mask: number | bigint | undefined, start: number | bigint): number | bigint {
    const { width } = this.spec;
    const [value, within] = [bits, mask ?? -1].map((one) => {
      if (typeof one === 'bigint' || Number.isInteger(one)) return BigInt(one);
      throw this.#refusal('modify', `${String(one)} is no integer`, 'give the bits and their mask as integers');
    }) as [bigint, bigint];
    if (within < 0n || within >> BigInt(width) !== 0n) {
      const hint = `modify(bits, mask), the mask from 0 to 0x${'f'.repeat(width / 4)}; write() takes the whole value`;
      throw this.#refusal('modify', mask === undefined ? 'the mask is missing' : `no mask of ${width} bits`, hint);
    }
    if ((value & ~within) !== 0n) {
      throw this.#refusal('modify', `bits are set outside the mask 0x${within.toString(16)}`, 'widen the mask');
    }
    const raw = (BigInt(start) & ~within) | value;
    return width === 64 ? raw : Number(raw);
  }

  #refusal(attempted: string, reason: string, hint: string): UsageError {
    return new UsageError({ path: this.path, attempted, reason, hint });
  }
}

/** The region of a bound map, which has no names but its registers'. */
export const regionOf = (block: RegisterBlock): Region => block[REGION];
const REGION: unique symbol = Symbol('region');

/** A bound map as a whole. */
export class RegisterBlock extends Shown {
  readonly #region: Region;
  readonly #rows: readonly BoundRegister[];

  constructor(region: Region, map: RegisterMap, places: Places = everywhere) {
    super();
    const all: BoundRegister[] = [];
    for (const [name, spec] of Object.entries(map)) {
      const elements = places(spec, name).map((offset, index) => {
        checkPlace(region, name, spec, offset);
        return new BoundRegister(region, spec.count === 0 ? name : `${name}[${index}]`, spec, offset);
      });
      all.push(...elements);
      const value = spec.count === 0 ? elements[0] : guardedArray(`${region.path}/${name}`, elements);
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true });
      else Object.defineProperty(this, name, { get: () => absent(`${region.path}/${name}`) });
    }
    this.#region = region;
    this.#rows = all;
  }

  get [REGION](): Region {
    return this.#region;
  }

  [VIEW](): View {
    const rows = this.#rows.map((register) => [
      { text: `0x${register.offset.toString(16).padStart(2, '0')}`, tone: 'dim' } as const,
      { text: register.name, tone: 'name' } as const,
      `${register.spec.width}`,
      register.spec.access,
      { text: Object.keys(register.spec.fields).join(' '), tone: 'dim' } as const,
      { text: register.spec.doc, tone: 'dim' } as const,
    ]);
    return new View(`${this.#region.path} registers`, ['offset', 'name', 'bits', 'access', 'fields', ''], rows);
  }
}

/** Where a register, or each of an array, is: bytes from the start of the region. Nowhere: asking for it throws. */
export type Places = (spec: RegisterSpec, name: string) => readonly number[];

const everywhere: Places = ({ offset, stride, count }) =>
  Array.from({ length: Math.max(1, count) }, (_, index) => offset + index * stride);

function absent(path: string): never {
  const hint = 'Object.keys() tells which it has';
  throw new UsageError({ path, attempted: 'register', reason: 'this device has no such register', hint });
}

function checkPlace(region: Region, name: string, spec: RegisterSpec, offset: number): void {
  const bytes = spec.width / 8;
  if (Number.isSafeInteger(offset) && offset >= 0 && offset % bytes === 0 && offset + bytes <= region.size) return;
  throw new UsageError({
    path: `${region.path}/${name}`,
    attempted: 'registers',
    reason: `offset 0x${offset.toString(16)} is ${offset % bytes === 0 ? 'outside the region' : `not a multiple of ${bytes}`}`,
    hint: `the region is 0x${region.size.toString(16)} bytes long; is it the right BAR?`,
  });
}

/** An array that throws where a plain one would say undefined. */
function guardedArray(path: string, elements: BoundRegister[]): readonly BoundRegister[] {
  return new Proxy(Object.freeze(elements), {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^-?\d+$/.test(key) && !(key in target)) {
        throw new UsageError({
          path: `${path}[${key}]`,
          attempted: 'index',
          reason: 'no such element',
          hint: `it has 0 to ${target.length - 1}`,
        });
      }
      return Reflect.get(target, key, receiver);
    },
  });
}

/** Binds `map` to `region`; `region.registers(map)` is how users say it. */
export function bindRegisters<const M extends RegisterMap>(region: Region, map: M, places?: Places): Registers<M> {
  return new RegisterBlock(region, map, places) as Registers<M>;
}

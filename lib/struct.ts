/**
 * Structs in memory: a layout in the datasheet's words, bound to bytes. Little-endian, as devices have it.
 *
 *     const COMMAND = {                                      // Ref: NVM Express Base Specification 2.0, 3.3.3.1
 *       CDW0: u32(0, { OPC: [7, 0], FUSE: [9, 8], CID: [31, 16] }),
 *       NSID: u32(4),
 *       PRP: u64(24, 2),                                     // an array of two
 *     }
 *     const command = buf.struct(COMMAND)
 *     command.NSID = 1
 *     command.CDW0.OPC = 0x06
 *     command.PRP[0] = list.iova
 *
 * It is memory, not a register: reading it, and looking at it, has no side effect on the device.
 */
import type { Value, Width } from './backend.js';
import { UsageError } from './errors.js';
import { decodeFields, encodeFields, type FieldSpec, type Fields, type FieldValues, layoutOf } from './fields.js';
import { type RegisterSpec, r8, r16, r32, r64 } from './map.js';
import type { Elements } from './registers.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

/** One member of a struct: a register's declaration, for memory. Plain data. */
export type Member<W extends Width = Width, F extends Fields = Fields, N extends number = number> = RegisterSpec<
  W,
  F,
  'rw',
  N
>;
export type StructLayout = Readonly<Record<string, Member>>;

type NoFields = Record<never, FieldSpec>;

interface Declare<W extends Width> {
  /** A member at `offset` bytes; with `count`, an array. */
  (offset: number): Member<W, NoFields, 0>;
  <const N extends number>(offset: number, count: N): Member<W, NoFields, N>;
  /** A member with bit fields: `{ NAME: bit }` or `{ NAME: [msb, lsb] }`, as registers have them. */
  <const F extends Fields>(offset: number, fields: F): Member<W, F, 0>;
  <const F extends Fields, const N extends number>(offset: number, fields: F, count: N): Member<W, F, N>;
}

const REGISTER = { 8: r8, 16: r16, 32: r32, 64: r64 } as const;

function declare<W extends Width>(width: W): Declare<W> {
  const register: (offset: number, fields: Fields, options: { count: number }) => Member = REGISTER[width];
  return ((offset: number, second: number | Fields = {}, third = 0): Member =>
    typeof second === 'number'
      ? register(offset, {}, { count: second })
      : register(offset, second, { count: third })) as Declare<W>;
}

/**
 * Declares a member of 8 bits: its offset in bytes, then bit fields or nothing, then how many of them there are where it is an array.
 *
 * @example const layout = { FLAGS: u8(1, { VALID: 7 }), LENGTH: u16(2), DATA: u32(16, 4) }
 */
export const u8: Declare<8> = declare(8);
/** Declares a member of 16 bits; see `u8`. */
export const u16: Declare<16> = declare(16);
/** Declares a member of 32 bits; see `u8`. */
export const u32: Declare<32> = declare(32);
/** Declares a member of 64 bits, a bigint; see `u8`. */
export const u64: Declare<64> = declare(64);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A member with bit fields: each by name, and `raw`; assigning one changes its bits alone. */
export type Bits<W extends Width, F extends Fields> = { raw: Value<W> } & Writable<FieldValues<W, F>>;

type PlainNames<L> = {
  [K in keyof L]: L[K] extends Member<Width, infer F, infer N>
    ? N extends 0
      ? keyof F extends never
        ? K
        : never
      : never
    : never;
}[keyof L];

/** A layout bound to memory. */
export type StructView<L extends StructLayout> = StructBlock & {
  -readonly [K in PlainNames<L>]: L[K] extends Member<infer W, Fields, number> ? Value<W> : never;
} & {
  readonly [K in Exclude<keyof L, PlainNames<L>>]: L[K] extends Member<infer W, infer F, infer N>
    ? N extends 0
      ? Bits<W, F>
      : keyof F extends never
        ? Writable<Elements<Value<W>, N>>
        : Elements<Bits<W, F>, N>
    : never;
};

/** Where a struct is. */
interface Place {
  /** The buffer's path. */
  readonly path: string;
  /** Bytes from the start of the buffer to the start of the struct. */
  readonly offset: number;
  /** Throws once the memory is no longer the buffer's. */
  check(): void;
}

/** One member, or one element of it, in memory. */
interface Slot {
  readonly name: string;
  readonly spec: Member;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  read(): number | bigint;
  write(value: number | bigint): void;
  refusal(reason: string, hint: string): UsageError;
}

/** A bound struct as a whole. It shows what is in memory when it is looked at. */
export class StructBlock extends Shown {
  readonly #place: Place;
  readonly #slots: readonly Slot[];

  constructor(layout: StructLayout, bytes: Uint8Array, place: Place) {
    super();
    this.#place = place;
    const all: Slot[] = [];
    for (const [name, spec] of Object.entries(layout)) {
      const { count, stride } = spec;
      if (count === 0) {
        const slot = slotOf(name, spec, spec.offset, bytes, place);
        all.push(slot);
        Object.defineProperty(this, name, property(slot));
        continue;
      }
      if (!Number.isInteger(count) || count < 0) throw refused(place, name, spec.offset, `${count} elements`);
      const elements = Array.from({ length: count }, (_, i) =>
        slotOf(`${name}[${i}]`, spec, spec.offset + i * stride, bytes, place),
      );
      all.push(...elements);
      const array: unknown[] = [];
      for (const [i, slot] of elements.entries()) Object.defineProperty(array, i, property(slot));
      Object.defineProperty(this, name, { value: Object.preventExtensions(array), enumerable: true });
    }
    this.#slots = all;
    Object.preventExtensions(this);
  }

  [VIEW](): View {
    const { path, offset } = this.#place;
    let rows: CellLike[][];
    try {
      rows = this.#slots.map((slot) => {
        const raw = slot.read();
        return [
          { text: `+0x${slot.offset.toString(16).padStart(2, '0')}`, tone: 'dim' },
          { text: slot.name, tone: 'name' },
          { text: `0x${raw.toString(16).padStart(slot.spec.width / 4, '0')}`, tone: raw ? 'value' : 'dim' },
          { text: fieldsText(slot.spec, raw), tone: 'dim' },
        ];
      });
    } catch {
      rows = [[{ text: 'the buffer was freed', tone: 'bad' }]];
    }
    return new View(`${path}+0x${offset.toString(16)}`, [], rows);
  }
}

function fieldsText(spec: Member, raw: number | bigint): string {
  const fields = Object.entries(decodeFields(spec, raw) ?? {});
  return fields
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : `0x${value.toString(16)}`}`)
    .join(', ');
}

function slotOf(name: string, spec: Member, offset: number, bytes: Uint8Array, place: Place): Slot {
  const { width } = spec;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + width / 8 > bytes.length) {
    throw refused(
      place,
      name,
      offset,
      `${width} bits there are past the end: ${bytes.length} bytes follow the struct's start`,
    );
  }
  layoutOf(spec); // a bad field is refused now
  const memory = new DataView(bytes.buffer, bytes.byteOffset + offset, width / 8);
  const largest = (1n << BigInt(width)) - 1n;
  const refusal = (reason: string, hint: string): UsageError =>
    new UsageError({
      path: `${place.path}+0x${(place.offset + offset).toString(16)} ${name}`,
      attempted: 'assign',
      reason,
      hint,
    });
  return {
    name,
    spec,
    offset,
    refusal,
    read() {
      place.check();
      if (width === 64) return memory.getBigUint64(0, true);
      return width === 32 ? memory.getUint32(0, true) : width === 16 ? memory.getUint16(0, true) : memory.getUint8(0);
    },
    write(value) {
      place.check();
      const right = typeof value === (width === 64 ? 'bigint' : 'number') && (width === 64 || Number.isInteger(value));
      if (!right || value < 0 || value > largest) {
        const what = width === 64 ? 'a bigint' : 'a number';
        throw refusal(
          `${String(value)} is not a ${width}-bit value`,
          `give ${what} from 0 to 0x${largest.toString(16)}`,
        );
      }
      if (width === 64) memory.setBigUint64(0, BigInt(value), true);
      else if (width === 32) memory.setUint32(0, Number(value), true);
      else if (width === 16) memory.setUint16(0, Number(value), true);
      else memory.setUint8(0, Number(value));
    },
  };
}

/** How a slot is read and assigned: as a number, or bit field by bit field. */
function property(slot: Slot): PropertyDescriptor {
  const { spec } = slot;
  if (layoutOf(spec).length === 0) return { get: slot.read, set: slot.write, enumerable: true };
  const bits = new MemberBits(slot);
  const raw = (value: number | bigint) => slot.write(value);
  Object.defineProperty(bits, 'raw', { get: slot.read, set: raw, enumerable: true });
  for (const { name } of layoutOf(spec)) {
    Object.defineProperty(bits, name, {
      get: () => decodeFields(spec, slot.read())?.[name],
      set: (value: unknown) => slot.write(encodeFields(spec, { [name]: value }, slot.read(), slot.refusal)),
      enumerable: true,
    });
  }
  return { value: Object.preventExtensions(bits), enumerable: true };
}

/** A member with bit fields. */
class MemberBits extends Shown {
  readonly #slot: Slot;

  constructor(slot: Slot) {
    super();
    this.#slot = slot;
  }

  [VIEW](): View {
    const { name, spec } = this.#slot;
    const raw = this.#slot.read();
    const rows = Object.entries(decodeFields(spec, raw) ?? {}).map(([field, value]): CellLike[] => [
      { text: field, tone: 'name' },
      typeof value === 'string' ? value : `0x${value.toString(16)}`,
    ]);
    return new View(`${name} = 0x${raw.toString(16).padStart(spec.width / 4, '0')}`, [], rows);
  }
}

function refused(place: Place, name: string, offset: number, reason: string): UsageError {
  const hint = 'the struct begins too late, or the buffer is too small';
  const at = Number.isInteger(offset) ? `0x${(place.offset + offset).toString(16)}` : String(offset);
  return new UsageError({ path: `${place.path}+${at} ${name}`, attempted: 'struct', reason, hint });
}

/** Binds `layout` to the start of `bytes`; `buf.struct(layout, offset)` is how users say it. */
export function structView<const L extends StructLayout>(layout: L, bytes: Uint8Array, place: Place): StructView<L> {
  return new StructBlock(layout, bytes, place) as StructView<L>;
}

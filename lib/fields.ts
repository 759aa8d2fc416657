/** Bit fields: from a map's declaration to a layout, and values in and out of a raw register. Pure; nothing here touches a device. */
import type { Value, Width } from './backend.js';
import type { Access, RegisterSpec } from './map.js';
import { Shown, VIEW, View } from './view.js';

/** `{ NAME: code }`. */
export type Enum = Readonly<Record<string, number>>;

/** What the number counts: `{ unit: 'ns' }`, or `{ unit: '8 bytes' }` where it counts steps of several. */
export interface Unit {
  readonly unit: string;
}

/** A bit number, or `[msb, lsb]`, then optionally an access mode (default: the register's) and an enum or a unit. */
export type FieldSpec =
  | number
  | readonly [msb: number, lsb: number]
  | readonly [msb: number, lsb: number, access: Access]
  | readonly [msb: number, lsb: number, meaning: Enum | Unit]
  | readonly [msb: number, lsb: number, access: Access, meaning: Enum | Unit];

export type Fields = Readonly<Record<string, FieldSpec>>;

type EnumOf<S> = S extends readonly [number, number, Access, infer E extends Enum]
  ? E
  : S extends readonly [number, number, infer E extends Enum]
    ? E
    : never;
type AccessOf<S> = S extends readonly [number, number, infer A extends Access, ...unknown[]] ? A : 'rw';
type FieldValue<W extends Width, S> = [EnumOf<S>] extends [never] ? Value<W> : keyof EnumOf<S> | Value<W>;

/** The fields of a register as `read()` gives them. */
export type FieldValues<W extends Width, F extends Fields> = { readonly [K in keyof F]: FieldValue<W, F[K]> };

/** Some writable fields, by name. */
export type Patch<W extends Width, F extends Fields> = {
  readonly [K in keyof F as AccessOf<F[K]> extends 'ro' ? never : K]?:
    | FieldValue<W, F[K]>
    | (W extends 64 ? number : never);
};

export interface Field {
  readonly name: string;
  readonly msb: number;
  readonly lsb: number;
  readonly access: Access;
  /** Names by code; empty where the field has no enum. */
  readonly names: ReadonlyMap<number, string>;
  readonly unit: string | undefined;
}

const layouts = new WeakMap<RegisterSpec, readonly Field[]>();

/** The register's fields, highest bits first. @throws TypeError where a declaration makes no sense. */
export function layoutOf(spec: RegisterSpec): readonly Field[] {
  let layout = layouts.get(spec);
  if (layout === undefined) {
    layout = Object.entries(spec.fields)
      .map(([name, field]) => fieldOf(name, field, spec))
      .sort((a, b) => b.msb - a.msb);
    layouts.set(spec, layout);
  }
  return layout;
}

const unitsByRegister = new WeakMap<RegisterSpec, Readonly<Record<string, string>> | undefined>();

/** What the numbers count, by field; undefined where no field has a unit. */
function unitsOf(spec: RegisterSpec): Readonly<Record<string, string>> | undefined {
  if (!unitsByRegister.has(spec)) {
    const units = layoutOf(spec).flatMap(({ name, unit }) => (unit === undefined ? [] : [[name, unit] as const]));
    unitsByRegister.set(spec, units.length === 0 ? undefined : Object.freeze(Object.fromEntries(units)));
  }
  return unitsByRegister.get(spec);
}

function fieldOf(name: string, declared: FieldSpec, spec: RegisterSpec): Field {
  const [msb, lsb, ...rest]: readonly [number, number, ...(Access | Enum | Unit)[]] =
    typeof declared === 'number' ? [declared, declared] : declared;
  if (!(Number.isInteger(msb) && Number.isInteger(lsb) && msb >= lsb && lsb >= 0 && msb < spec.width)) {
    throw new TypeError(`field ${name}: [${msb}, ${lsb}] is no [msb, lsb] of a ${spec.width}-bit register`);
  }
  const access = rest.find((part): part is Access => typeof part === 'string') ?? spec.access;
  const meaning = rest.find((part) => typeof part === 'object') ?? {};
  const unit = typeof meaning.unit === 'string' ? meaning.unit : undefined;
  const names = unit === undefined ? Object.entries(meaning as Enum) : [];
  return { name, msb, lsb, access, names: new Map(names.map(([key, code]) => [code, key])), unit };
}

const ones = (field: Field) => (1n << BigInt(field.msb - field.lsb + 1)) - 1n;

/**
 * The bits that a read-modify-write writes back as they were read: fields for which `keep(access)` is true, and reserved bits, but for
 * those that are written as 0. A register without fields is judged by its own access.
 */
export function fieldMask(spec: RegisterSpec, keep: (access: Access) => boolean): bigint {
  const layout = layoutOf(spec);
  const all = (1n << BigInt(spec.width)) - 1n;
  if (layout.length === 0) return keep(spec.access) ? all : 0n;
  const bits = (fields: readonly Field[]) =>
    fields.reduce((mask, field) => mask | (ones(field) << BigInt(field.lsb)), 0n);
  const kept = bits(layout.filter((field) => keep(field.access)));
  const reserved = all & ~bits(layout);
  const zero = typeof spec.reserved === 'bigint' ? spec.reserved : spec.reserved === 'zero' ? reserved : 0n;
  return kept | (reserved & ~zero);
}

/** Field values by name, or undefined where the register has no fields. */
export function decodeFields(
  spec: RegisterSpec,
  raw: number | bigint,
): Record<string, number | bigint | string> | undefined {
  const layout = layoutOf(spec);
  if (layout.length === 0) return undefined;
  const values: Record<string, number | bigint | string> = {};
  for (const field of layout) {
    if (typeof raw === 'bigint') {
      const bits = (raw >> BigInt(field.lsb)) & ones(field);
      values[field.name] = field.names.get(Number(bits)) ?? bits;
    } else {
      const bits = (raw >>> field.lsb) & (field.msb - field.lsb === 31 ? -1 : (1 << (field.msb - field.lsb + 1)) - 1);
      values[field.name] = field.names.get(bits >>> 0) ?? bits >>> 0;
    }
  }
  return values;
}

/**
 * `start` with the given fields replaced. `refusal(reason, hint)` makes the error to throw for an unknown or read-only field and a
 * value that does not fit.
 */
export function encodeFields(
  spec: RegisterSpec,
  patch: object,
  start: number | bigint,
  refusal: (reason: string, hint: string) => Error,
): number | bigint {
  const layout = layoutOf(spec);
  let raw = BigInt(start);
  for (const [name, value] of Object.entries(patch) as [string, unknown][]) {
    if (value === undefined) continue;
    const field = layout.find((candidate) => candidate.name === name);
    if (field === undefined) {
      throw refusal(
        `no field ${name}`,
        layout.length === 0 ? 'it has no fields; write a number' : `it has ${layout.map((f) => f.name).join(', ')}`,
      );
    }
    if (field.access === 'ro') throw refusal(`field ${name} is read-only`, 'leave it out');
    raw = (raw & ~(ones(field) << BigInt(field.lsb))) | (codeOf(field, value, refusal) << BigInt(field.lsb));
  }
  return spec.width === 64 ? raw : Number(raw);
}

function codeOf(field: Field, value: unknown, refusal: (reason: string, hint: string) => Error): bigint {
  if (typeof value === 'string') {
    for (const [code, name] of field.names) if (name === value) return BigInt(code);
    throw refusal(
      `field ${field.name}: unknown name '${value}'`,
      field.names.size === 0 ? 'give a number' : `it has ${[...field.names.values()].join(', ')}`,
    );
  }
  if (
    (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) &&
    value >= 0 &&
    value <= ones(field)
  )
    return BigInt(value);
  throw refusal(`field ${field.name}: ${String(value)} does not fit`, `it holds 0 to 0x${ones(field).toString(16)}`);
}

/** A value read from a register with fields: `raw`, and each field by name. Data: it does not change, and reads nothing. */
export class RegisterValue<W extends Width = Width> extends Shown {
  readonly raw: Value<W>;
  /** What the numbers count, by field; only there where the register has such fields. */
  declare readonly units?: Readonly<Record<string, string>>;
  readonly #path: string;
  readonly #spec: RegisterSpec;

  constructor(
    path: string,
    spec: RegisterSpec,
    raw: number | bigint,
    fields: Record<string, number | bigint | string>,
  ) {
    super();
    this.raw = raw as Value<W>;
    this.#path = path;
    this.#spec = spec;
    const units = unitsOf(spec);
    if (units !== undefined) Object.assign(this, { units });
    Object.assign(this, fields);
  }

  /** Whose value it is; no method of the value's own, since its names are the fields'. */
  static register(value: RegisterValue): { readonly path: string; readonly spec: RegisterSpec } {
    return { path: value.#path, spec: value.#spec };
  }

  [VIEW](): View {
    const raw = BigInt(this.raw);
    const rows = layoutOf(this.#spec).map((field) => {
      const code = (raw >> BigInt(field.lsb)) & ones(field);
      const name = field.names.get(Number(code)) ?? (field.unit && `(${code} × ${field.unit})`);
      const text = field.msb === field.lsb ? `${code}` : `0x${code.toString(16)}`;
      return [
        {
          text: field.msb === field.lsb ? `[${field.lsb}]` : `[${field.msb}:${field.lsb}]`,
          tone: 'dim',
          align: 'right',
        },
        { text: field.name, tone: 'name' },
        {
          text: name === undefined ? text : `${text} ${name}`,
          tone: code === 0n ? 'dim' : this.#spec.errors && field.access === 'w1c' ? 'bad' : 'value',
        },
      ] as const;
    });
    return new View(`${this.#path} = 0x${raw.toString(16).padStart(this.#spec.width / 4, '0')}`, [], rows);
  }
}

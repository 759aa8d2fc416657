/** Registers out of the bytes of a config space, as data. */
import type { Value, Width } from '../backend.js';
import { decodeFields, type Fields, type FieldValues, RegisterValue } from '../fields.js';
import type { RegisterMap, RegisterSpec } from '../map.js';
import type { RegisterShape } from './capability.js';
import { fits, type Space, wordAt } from './space.js';

type Decoded<W extends Width, F extends Fields> = keyof F extends never
  ? Value<W>
  : RegisterValue<W> & FieldValues<W, F>;

/** Registers as data: named fields and `raw`, or the plain number where a register has no fields. */
export type Registers<M extends RegisterMap> = {
  readonly [K in keyof M]: M[K] extends RegisterSpec<infer W, infer F, infer _A, infer N>
    ? N extends 0
      ? Decoded<W, F>
      : readonly Decoded<W, F>[]
    : never;
};

/** A register, or all of an array that is there; undefined where the bytes end before it does, or `shape` says that there is none. */
export function decodeRegister(
  register: RegisterSpec,
  space: Space,
  base: number,
  path: string,
  shape?: RegisterShape,
): unknown {
  if (shape === false) return undefined;
  if (register.count === 0) return decodeAt(register, space, base + (shape?.offset ?? register.offset), path);
  const values: unknown[] = [];
  for (const [index, offset] of offsetsOf(register, shape).entries()) {
    const value = decodeAt(register, space, base + offset, path, index);
    if (value === undefined) break;
    values.push(value);
  }
  return values;
}

/** Where a register, or each of an array, is: bytes from the capability's first one. Whether the space is so long is another matter. */
export function offsetsOf(register: RegisterSpec, shape?: RegisterShape): readonly number[] {
  if (shape === false) return [];
  const { offset = register.offset, count = register.count, offsets } = shape ?? {};
  if (register.count === 0) return [offset];
  return offsets ?? Array.from({ length: count }, (_, index) => offset + index * register.stride);
}

function decodeAt(register: RegisterSpec, space: Space, offset: number, path: string, index?: number): unknown {
  if (!fits(space, offset, register.width / 8)) return undefined;
  const raw = wordAt(space, offset, register.width);
  const fields = decodeFields(register, raw);
  if (fields === undefined) return raw;
  return new RegisterValue(index === undefined ? path : `${path}[${index}]`, register, raw, fields);
}

/** All registers of a map that are within the bytes. */
export function decodeRegisters<M extends RegisterMap>(map: M, space: Space): Registers<M> {
  const values = Object.entries(map).map(([name, register]) => {
    return [name, decodeRegister(register, space, 0, `${space.path} ${name}`)] as const;
  });
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Registers<M>;
}

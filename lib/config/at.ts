/** A place in config space by setpci's name, with the register and the fields that the tables have there. */
import { UsageError } from '../errors.js';
import { decodeFields, type FieldSpec, layoutOf, RegisterValue } from '../fields.js';
import { type RegisterSpec, r8, r16, r32 } from '../map.js';
import type { Region } from '../region.js';
import { BoundRegister } from '../registers.js';
import { shapeOf } from './capability.js';
import { offsetsOf } from './decode.js';
import { LAYOUTS, layoutAt } from './layout.js';
import { type ConfigWidth, parsePlaceName } from './setpci.js';
import { CONVENTIONAL_SIZE, type Space } from './space.js';
import { isFound, walk } from './walk.js';

/** Fields by name where a register is known, and `raw`. */
export type ConfigValue = RegisterValue<ConfigWidth> & Readonly<Record<string, number | string>>;

/** What may be written: the whole value, or fields by name. */
export type ConfigPatch = Readonly<Record<string, number | string>>;

/** A place in config space that was named: read(), write() and modify() are those of a register. Holding or showing it reads nothing. */
export interface ConfigRegister extends Omit<BoundRegister, 'read' | 'write' | 'modify' | 'decode'> {
  /** Reads it once, with its width. */
  read(): ConfigValue;
  /** Writes it once: a whole value, or fields by name, all others 0. */
  write(value: number | ConfigPatch): void;
  /** Reads, changes the fields, writes; write-1-to-clear bits that are not named are written as 0, reserved ones as they must be. */
  modify(fields: ConfigPatch): void;
  /** The same by bits: those that are set in `mask` become what they are in `bits`. As setpci's `=BITS:MASK`. */
  modify(bits: number, mask: number): void;
  /** What `read()` would give for this raw value: pure, touches nothing. */
  decode(raw: number): ConfigValue;
}

class NamedRegister extends BoundRegister {
  override decode(raw: number | bigint): unknown {
    return new RegisterValue(this.path, this.spec, raw, decodeFields(this.spec, raw) ?? {});
  }
}

/** Every register that the tables have for this space, in ascending order; those of capabilities as `EXP.LNKSTA`. */
export function registersOf(region: Region, space: Space): readonly BoundRegister[] {
  return known(space)
    .filter(({ offset, spec }) => offset % (spec.width / 8) === 0 && offset + spec.width / 8 <= region.size)
    .map(({ name, offset, spec }) => new BoundRegister(region, name, spec, offset))
    .sort((a, b) => a.offset - b.offset);
}

/** A register of the tables, where it is in this space. */
interface Known {
  readonly name: string;
  readonly offset: number;
  readonly spec: RegisterSpec;
}

const REGISTERS = { 8: r8, 16: r16, 32: r32 } as const;

/** @throws UsageError for a name that means nothing, a capability that is not there, a place outside the space. */
export function registerAt(region: Region, space: Space, text: string): ConfigRegister {
  const refuse = (reason: string, hint: string) =>
    new UsageError({ path: region.path, attempted: `at('${text}')`, reason, hint });
  const { base, offset: from, width: given, layouts } = parsePlaceName(text, region.path);
  const layout = layoutAt(space);
  if (layouts?.includes(layout) === false) {
    throw refuse(`a header of this layout (${layout}) has no such register`, `it is one of: ${layouts.join(', ')}`);
  }
  let offset = from;
  if (base !== 'start') {
    const found = walk(space).flatMap((step) => (isFound(step) ? [step.place] : []));
    const same = found.filter(({ id, extended }) => id === base.id && extended === base.extended);
    const place = same[base.instance];
    if (place === undefined) {
      const names = found.map(({ name, extended }) => (extended ? `ECAP_${name}` : `CAP_${name}`)).join(', ');
      if (same.length > 0) throw refuse(`it has ${same.length} of them`, 'counting begins with @0');
      throw refuse('no such capability', names === '' ? 'it has none' : `it has ${names}`);
    }
    offset += place.offset;
  }
  const all = known(space);
  const width = given ?? all.find((one) => one.offset === offset)?.spec.width;
  if (width === undefined || width === 64) throw refuse('the width is missing', 'append .b, .w or .l');
  const bytes = width / 8;
  if (offset % bytes !== 0) throw refuse(`offset 0x${offset.toString(16)} is not a multiple of ${bytes}`, 'use .b');
  if (offset + bytes > region.size) {
    throw refuse(
      `offset 0x${offset.toString(16)} is outside`,
      `config space is 0x${region.size.toString(16)} bytes long`,
    );
  }
  const exact = all.find((one) => one.offset === offset && one.spec.width === width);
  const { name, spec } = exact ?? composed(text, all, offset, width);
  return new NamedRegister(region, name, spec, offset) as unknown as ConfigRegister;
}

/** Every register that the tables have for this space. */
function known(space: Space): readonly Known[] {
  const header = Object.entries(LAYOUTS[layoutAt(space)]).flatMap(([name, spec]) =>
    elements(name, spec, offsetsOf(spec)),
  );
  const capabilities = walk(space).flatMap((step) => {
    if (!isFound(step)) return [];
    const { place, spec } = step;
    const shape = spec === undefined ? {} : shapeOf(spec, space, place);
    const registers = Object.entries(spec?.registers ?? {}).flatMap(([name, register]) => {
      const offsets = offsetsOf(register, shape[name]).map((at) => place.offset + at);
      // Behind the conventional space other capabilities begin.
      const own = offsets.filter((at) => place.extended || at < CONVENTIONAL_SIZE);
      return elements(`${place.name}.${name}`, register, own);
    });
    const heads = Object.entries(place.extended ? EXTENDED_HEAD : STANDARD_HEAD).map(([name, register]) => {
      return { name: `${place.name}.${name}`, offset: place.offset + register.offset, spec: register };
    });
    return [...heads, ...registers];
  });
  return [...header, ...capabilities];
}

const STANDARD_HEAD = { ID: r8(0x00, {}, 'ro'), NEXT: r8(0x01, {}, 'ro') };
const EXTENDED_HEAD = { HEAD: r32(0x00, { NEXT: [31, 20], VERSION: [19, 16], ID: [15, 0] }, 'ro') };

function elements(name: string, spec: RegisterSpec, offsets: readonly number[]): Known[] {
  const one = { ...spec, count: 0 };
  return offsets.map((offset, index) => ({ name: spec.count === 0 ? name : `${name}[${index}]`, offset, spec: one }));
}

/** What an access of this width sees of the registers that it touches: a part of one, or several; their fields keep their names. */
function composed(name: string, all: readonly Known[], offset: number, width: ConfigWidth): Omit<Known, 'offset'> {
  const touched = all.filter((one) => one.offset < offset + width / 8 && one.offset + one.spec.width / 8 > offset);
  const fields: Record<string, FieldSpec> = {};
  let zero = 0n;
  for (const register of touched) {
    const shift = 8 * (register.offset - offset);
    const whole = { name: '', msb: register.spec.width - 1, lsb: 0, access: register.spec.access, names: new Map() };
    const layout = layoutOf(register.spec);
    for (const field of layout.length === 0 ? [whole] : layout) {
      const [msb, lsb] = [Math.min(field.msb + shift, width - 1), Math.max(field.lsb + shift, 0)];
      if (msb < lsb) continue;
      const cut = msb - lsb < field.msb - field.lsb;
      const bits = cut ? `[${msb - shift}:${lsb - shift}]` : '';
      const full = `${register.name}${field.name === '' ? '' : `.${field.name}`}${bits}`;
      const names = cut ? {} : Object.fromEntries([...field.names].map(([code, text]) => [text, code]));
      fields[full] = [msb, lsb, field.access, names];
    }
    const reserved = register.spec.reserved === 'zero' ? (1n << BigInt(register.spec.width)) - 1n : 0n;
    zero |= shift < 0 ? reserved >> BigInt(-shift) : reserved << BigInt(shift);
  }
  const access = touched.length > 0 && touched.every(({ spec }) => spec.access === 'ro') ? 'ro' : 'rw';
  return { name, spec: { ...REGISTERS[width](0, fields, access), reserved: zero & ((1n << BigInt(width)) - 1n) } };
}

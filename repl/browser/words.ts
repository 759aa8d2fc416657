/** What is typed into a browser: places, bytes to look for, values to write. Pure; what cannot be meant comes back as the reason. */
import type { Browsed, BrowsedRegister } from '../../kernel/client.js';
import { bitsOf } from './bytes.js';

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Either what was meant, or why it cannot be. */
export type Meant<T> = { readonly ok: T } | { readonly no: string };

const NUMBER = /^(?:0x[\da-f]+(?:_[\da-f]+)*|0b[01]+(?:_[01]+)*|\d+(?:_\d+)*)n?$/i;

function number(text: string): bigint | undefined {
  return NUMBER.test(text) ? BigInt(text.replace(/[_n]/g, '')) : undefined;
}

/** Registers whose name begins with what was typed, then those that contain it, whatever their case. */
export function named(registers: readonly BrowsedRegister[], text: string): readonly BrowsedRegister[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '' || number(wanted) !== undefined) return [];
  const rank = ({ name }: BrowsedRegister): number => {
    const lower = name.toLowerCase();
    return lower === wanted ? 0 : lower.startsWith(wanted) ? 1 : lower.includes(wanted) ? 2 : 3;
  };
  return registers.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b));
}

/**
 * Where to: a register's name or its beginning, an offset, an IOVA where there is one, or so far from here (`+0x10`, `-4`).
 * Numbers are TypeScript's.
 */
export function place(text: string, { registers, size, base }: Browsed, here: number): Meant<number> {
  const typed = text.trim();
  const [register] = named(registers, typed);
  if (register) return { ok: register.offset };
  const [, sign, digits = ''] = /^([+-]?)(.*)$/.exec(typed) ?? [];
  const value = number(digits);
  if (value === undefined) return { no: `no register ${typed}; offsets are 0x20 or 32` };
  const first = BigInt(base);
  const absolute = value >= first && value < first + BigInt(size) ? value - first : value;
  const to = sign === '+' ? BigInt(here) + value : sign === '-' ? BigInt(here) - value : absolute;
  if (to < 0n || to >= BigInt(size)) return { no: `${typed} is outside: it has ${hex(size)} bytes` };
  return { ok: Number(to) };
}

/** Bytes to look for: "text", pairs of hex digits (`de ad be ef`), a number as it is in memory (`0xdeadbeef`), or any other text. */
export function needle(text: string, big: boolean): Meant<Uint8Array> {
  const typed = text.trim();
  if (typed === '') return { no: 'nothing to look for' };
  const [, quoted] = /^"(.+?)"?$/.exec(typed) ?? [];
  if (quoted !== undefined) return { ok: Buffer.from(quoted) };
  const [, digits] = /^0x([\da-f_]+)$/i.exec(typed) ?? [];
  if (digits !== undefined) {
    const plain = digits.replaceAll('_', '');
    const bytes = Buffer.from(plain.padStart(plain.length + (plain.length % 2), '0'), 'hex');
    return { ok: big ? bytes : bytes.reverse() };
  }
  const pairs = typed.replace(/\s+/g, '');
  if (/^(?:[\da-f]{2})+$/i.test(pairs)) return { ok: Buffer.from(pairs, 'hex') };
  return { ok: Buffer.from(typed) };
}

/**
 * A value to write: a number, or fields of the register by name, `IRQ=1 MODE=FAST`, the others as they are; but those that writing 1 to
 * would clear or start become 0.
 */
export function value(
  text: string,
  width: number,
  register: BrowsedRegister | undefined,
  now: bigint | undefined,
): Meant<bigint> {
  const typed = text.trim();
  const whole = number(typed);
  if (whole !== undefined) {
    return whole >> BigInt(width) === 0n ? { ok: whole } : { no: `${typed} has more than ${width} bits` };
  }
  if (!typed.includes('=')) return { no: `${typed} is no number; 0x80, 128 or 0b1000_0000` };
  if (!register) return { no: 'no register is known here, give a number' };
  if (now === undefined) return { no: 'what it holds is not known, give the whole value' };
  let value = now;
  for (const field of register.fields)
    if (field.access === 'w1c' || field.access === 'wo') value ^= bitsOf(field, value) << BigInt(field.lsb);
  for (const word of typed.split(/[\s,]+/)) {
    const [, name = '', given = ''] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    const field = register.fields.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!field) return { no: `${register.name} has no field ${name || word}` };
    if (field.access === 'ro') return { no: `${field.name} is read-only` };
    const code = field.names.find(([, text]) => text.toLowerCase() === given.toLowerCase())?.[0];
    const bits = code === undefined ? number(given) : BigInt(code);
    if (bits === undefined) return { no: `${given} is no value of ${field.name}` };
    if (bits >> BigInt(field.msb - field.lsb + 1) !== 0n) return { no: `${given} does not fit ${field.name}` };
    value = (value ^ (bitsOf(field, value) << BigInt(field.lsb))) | (bits << BigInt(field.lsb));
  }
  return { ok: value };
}

/** A number of so many bits with its bytes the other way round, where `big` says so. */
export function swapped(value: bigint, width: number, big: boolean): bigint {
  const bytes =
    value
      .toString(16)
      .padStart(width / 4, '0')
      .match(/../g) ?? [];
  return big ? BigInt(`0x${bytes.reverse().join('')}`) : value;
}

/** The operands that name a place and a number: 'bar0+0x10', 'bar0+0x80:256', '0b1_1111'; and widths. */
import type { Width } from '../../lib/backend.js';
import type { Call } from './command.js';
import { usageError } from './parse.js';

/** A region, and where in it. Bytes. */
export interface Place {
  readonly region: string;
  readonly offset?: number;
  readonly length?: number;
}

const NUMBER = /^(0x[0-9a-f]+(_[0-9a-f]+)*|0b[01]+(_[01]+)*|\d+(_\d+)*)$/i;

/** A number as TypeScript writes it: 0x1f, 31, 0b1_1111. Not negative, not fractional, of any size. */
export function parseNumber(call: Call, text: string): bigint {
  if (!NUMBER.test(text)) {
    throw usageError(call.command.name, text, 'not a number', 'use one such as 0x1f, 31 or 0b1_1111');
  }
  return BigInt(text.replaceAll('_', ''));
}

/** 'REGION', 'REGION+OFFSET' or 'REGION+OFFSET:LENGTH'. Which regions there are the device knows. */
export function parsePlace(call: Call, text: string): Place {
  const match = /^([a-z][a-z0-9]*)(?:\+([^:]*)(?::(.*))?)?$/i.exec(text);
  if (!match) {
    const hint = 'use REGION[+OFFSET[:LENGTH]], such as config, bar0+0x10 or bar0+0x80:256';
    throw usageError(call.command.name, text, 'not a place in a region', hint);
  }
  const [, region = '', offset, length] = match;
  return {
    region: region.toLowerCase(),
    ...(offset === undefined ? {} : { offset: size(call, offset) }),
    ...(length === undefined ? {} : { length: size(call, length) }),
  };
}

/** 'REGION+OFFSET', for a single access: an offset left out is not taken for 0. */
export function parseRegister(call: Call, text: string): { readonly region: string; readonly offset: number } {
  const { region, offset, length } = parsePlace(call, text);
  const hint = `use ${region}+OFFSET, such as ${region}+0x10`;
  if (offset === undefined) throw usageError(call.command.name, text, 'the offset is missing', hint);
  if (length !== undefined) throw usageError(call.command.name, text, 'a single access has no length', hint);
  return { region, offset };
}

/** A place that setpci names, such as COMMAND or CAP_EXP+8.w: what is no region, with an offset or without. */
export const isPlaceName = (text: string): boolean => !/^((bar\d+|rom|config|vga)\b|\+|$)/i.test(text);

/** The name, with --width as setpci's letter where it is given. */
export function widthOfName(call: Call, text: string): string {
  if (call.values.get('width') === undefined) return text;
  const letter = { 8: 'b', 16: 'w', 32: 'l', 64: undefined }[parseWidth(call)];
  if (letter !== undefined && !text.includes('.')) return `${text}.${letter}`;
  throw usageError(call.command.name, `--width and ${text}`, 'not both, and 32 bits at most', 'append .b, .w or .l');
}

/** `--width`, 32 where it is not given. */
export function parseWidth(call: Call): Width {
  const text = call.values.get('width') ?? '32';
  const width = ([8, 16, 32, 64] as const).find((one) => String(one) === text);
  if (width === undefined) throw usageError(call.command.name, `--width ${text}`, 'not a width', 'use 8, 16, 32 or 64');
  return width;
}

function size(call: Call, text: string): number {
  const value = parseNumber(call, text);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw usageError(call.command.name, text, 'larger than any region', 'use an offset within the region');
  }
  return Number(value);
}

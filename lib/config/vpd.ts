/**
 * Vital Product Data: the capability, and the records behind it. Config space has no more than a window to them, which has to be
 * written to; what it shows (the kernel reads it for /sys/bus/pci/devices/BDF/vpd) is decoded here. Pure.
 *
 * Ref: PCI Local Bus 3.0, appendix I; PCI Express Base 6.0, 6.27
 */
import { r16, r32 } from '../map.js';
import { standard } from './capability.js';
import { hex } from './words.js';

/** One keyword's field of a record. */
export interface VpdField {
  /** 'PN', 'V3'. */
  readonly keyword: string;
  /** 'Part number', 'Vendor specific'; of a keyword that is not known: 'Unknown'. */
  readonly name: string;
  /** Of keywords whose bytes are text. */
  readonly text?: string;
  readonly bytes: readonly number[];
  /** Of RV: all bytes up to its first add up to 0. */
  readonly checksum?: 'good' | 'bad';
}

export interface VpdRecord {
  readonly kind: 'product' | 'read-only' | 'read-write' | 'end' | 'unknown';
  readonly tag: number;
  /** From the first byte of the data. */
  readonly offset: number;
  /** Of the product's name. */
  readonly text?: string;
  readonly fields?: readonly VpdField[];
}

type Format = 'binary' | 'text' | 'reserved' | 'free';
/** A keyword of one letter stands for all that begin with it. */
const KEYWORDS: Readonly<Record<string, readonly [name: string, format: Format]>> = {
  CP: ['Extended capability', 'binary'],
  EC: ['Engineering changes', 'text'],
  MN: ['Manufacture ID', 'binary'],
  PN: ['Part number', 'text'],
  RV: ['Reserved', 'reserved'],
  RW: ['Read-write area', 'free'],
  SN: ['Serial number', 'text'],
  YA: ['Asset tag', 'text'],
  V: ['Vendor specific', 'text'],
  Y: ['System specific', 'text'],
};
const KINDS = new Map<number, VpdRecord['kind']>([
  [0x0f, 'end'],
  [0x82, 'product'],
  [0x90, 'read-only'],
  [0x91, 'read-write'],
]);
const FIELD_HEADER = 3;
/** ADDRESS has 15 bits. */
const LIMIT = 0x8000;

const textOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

/**
 * The records of VPD, in their order, up to the end tag, the first that is not known, or the last that is whole.
 *
 * @example vpdRecords(readFileSync('/sys/bus/pci/devices/0000:03:00.0/vpd')).flatMap((record) => record.fields ?? [])
 */
export function vpdRecords(bytes: Uint8Array): readonly VpdRecord[] {
  const records: VpdRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const large = (first & 0x80) !== 0;
    const start = at + (large ? 3 : 1);
    if (start > bytes.length) break;
    const length = large ? (bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8) : first & 7;
    const tag = large ? first : first >> 3;
    const kind = KINDS.get(tag) ?? 'unknown';
    const content = bytes.subarray(start, start + length);
    if (start + length > LIMIT || (content.length < length && kind !== 'end' && kind !== 'unknown')) break;
    const record = { kind, tag, offset: at };
    if (kind === 'product') records.push({ ...record, text: textOf(content) });
    else if (kind === 'end' || kind === 'unknown') records.push(record);
    else records.push({ ...record, fields: fieldsOf(bytes, start, start + length) });
    if (kind === 'end' || kind === 'unknown') break;
    at = start + length;
  }
  return records;
}

function fieldsOf(bytes: Uint8Array, start: number, end: number): readonly VpdField[] {
  const fields: VpdField[] = [];
  for (let at = start; at + FIELD_HEADER <= end; ) {
    const keyword = textOf(bytes.subarray(at, at + 2));
    const from = at + FIELD_HEADER;
    const value = bytes.subarray(from, from + (bytes[at + 2] ?? 0));
    if (from + value.length > end || value.length < (bytes[at + 2] ?? 0)) break;
    const [name, format] = known(keyword);
    const text = format === 'text' ? { text: textOf(value) } : {};
    const checksum = sum(bytes.subarray(0, from + 1)) === 0 ? ('good' as const) : ('bad' as const);
    fields.push({ keyword, name, ...text, bytes: Array.from(value), ...(format === 'reserved' ? { checksum } : {}) });
    at = from + value.length;
  }
  return fields;
}

const known = (keyword: string): readonly [name: string, format: Format] =>
  KEYWORDS[keyword] ?? KEYWORDS[keyword.slice(0, 1)] ?? ['Unknown', 'binary'];

/** The data up to the end tag and no further: past it a card may hang. `word` gives the four bytes at an offset, little-endian. */
export async function readVpd(word: (offset: number) => Promise<number>): Promise<Uint8Array> {
  const bytes: number[] = [];
  const upTo = async (end: number): Promise<void> => {
    while (bytes.length < Math.min(end, LIMIT)) {
      const value = await word(bytes.length);
      bytes.push(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
    }
  };
  for (let at = 0; at < LIMIT; ) {
    await upTo(at + 1);
    const first = bytes[at] ?? 0;
    const large = (first & 0x80) !== 0;
    const kind = KINDS.get(large ? first : first >> 3);
    if (kind === undefined || kind === 'end') break;
    if (large) await upTo(at + 3);
    const start = at + (large ? 3 : 1);
    at = start + (large ? (bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8) : first & 7);
    await upTo(at);
  }
  return Uint8Array.from(bytes);
}

/** lspci's lines of these records, without their indent. */
export function* vpdLines(bytes: Uint8Array): Generator<string> {
  const records = vpdRecords(bytes);
  for (const { kind, tag, text = '', fields = [] } of records) {
    if (kind === 'end') yield 'End';
    else if (kind === 'product') yield `Product Name: ${escaped(text)}`;
    else if (kind === 'unknown') {
      const size = tag & 0x80 ? 'large' : 'small';
      yield `Unknown ${size} resource type ${hex(tag & ~0x80, 2)}, will not decode more.`;
    } else {
      yield `${kind === 'read-only' ? 'Read-only' : 'Read/write'} fields:`;
      for (const field of fields) yield `\t[${field.keyword}] ${field.name}: ${valueText(field)}`;
    }
  }
  const last = records.at(-1)?.kind;
  if (last === undefined) yield 'Not readable';
  else if (last !== 'end' && last !== 'unknown') yield 'No end tag found';
}

function valueText({ keyword, text, bytes, checksum }: VpdField): string {
  if (text !== undefined) return escaped(text);
  const format = known(keyword)[1];
  if (format === 'reserved') return `checksum ${checksum}, ${bytes.length - 1} byte(s) reserved`;
  return format === 'free' ? `${bytes.length} byte(s) free` : bytes.map((byte) => hex(byte, 2)).join(' ');
}

const escaped = (text: string): string =>
  Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    return character === '\\' ? '\\\\' : code < 32 || code === 127 ? `\\x${hex(code, 2)}` : character;
  }).join('');

export const VPD = standard({
  name: 'VPD',
  id: 0x03,
  title: 'Vital Product Data',
  ref: 'PCI Local Bus 3.0, appendix I',
  registers: { ADDRESS: r16(0x02, { FLAG: 15, ADDRESS: [14, 0] }), DATA: r32(0x04, {}) },
  *text(_vpd, _space, { vpd }) {
    yield 'Vital Product Data';
    for (const line of vpdLines(vpd ?? new Uint8Array())) yield `\t${line}`;
  },
});

/** Byte patterns: what memory is filled with, and where it differs from what it should hold. Memory only; no device is touched. */
import { progress } from './cell.js';
import { UsageError } from './errors.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

/** A byte; bytes, repeated; or 'poison', the little-endian word 0xdeadbeef, which no device writes by chance. */
export type Pattern = number | Uint8Array | 'poison';

const POISON = Uint8Array.of(0xef, 0xbe, 0xad, 0xde);
const CHUNK = 4096;
/** Bytes that are filled at a time, about. */
const FILL = 64 << 20;
const ROW = 16;
/** Differing rows that a Difference shows, and runs that it keeps. */
const SHOWN = 8;
const RUNS = 1000;

/** The bytes that are repeated. @throws UsageError for what is no pattern; `path` and `attempted` are for the error. */
export function patternBytes(pattern: Pattern, path: string, attempted: string): Uint8Array {
  if (pattern === 'poison') return POISON;
  if (typeof pattern === 'number' && Number.isInteger(pattern) && pattern >= 0 && pattern <= 0xff) {
    return Uint8Array.of(pattern);
  }
  if (pattern instanceof Uint8Array && pattern.length > 0) return pattern;
  const reason = `${pattern instanceof Uint8Array ? 'no bytes are' : `${String(pattern)} is`} no pattern`;
  throw new UsageError({ path, attempted, reason, hint: "give a byte 0 to 0xff, a Uint8Array, or 'poison'" });
}

/** Writes `pattern` over and over. */
export function fillWith(bytes: Uint8Array, pattern: Uint8Array): void {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // Buffer's own fill is a native one, for patterns of any length.
  const chunk = Math.ceil(FILL / pattern.length) * pattern.length;
  const bar = progress('fill', bytes.length);
  try {
    for (let at = 0; at < bytes.length; at += chunk) {
      const end = Math.min(bytes.length, at + chunk);
      whole.fill(pattern, at, end);
      bar.step(end);
    }
  } finally {
    bar.end();
  }
}

/** Bytes that differ, one after the other. Offsets in bytes. */
export interface Run {
  readonly offset: number;
  readonly length: number;
}

/**
 * Where `bytes` are not `pattern`, repeated: how many, and the first runs of them. Looked at once, a chunk at a time, while a
 * device may write on.
 */
export function differing(bytes: Uint8Array, pattern: Uint8Array): { count: number; runs: Run[] } {
  const runs: { offset: number; length: number }[] = [];
  let count = 0;
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const found = Buffer.from(bytes.subarray(at, at + CHUNK));
    const expected = part(pattern, at, found.length);
    if (found.equals(expected)) continue;
    for (let i = 0; i < found.length; i++) {
      if (found[i] === expected[i]) continue;
      count++;
      const last = runs.at(-1);
      if (last !== undefined && last.offset + last.length === at + i) last.length++;
      else if (runs.length < RUNS) runs.push({ offset: at + i, length: 1 });
    }
  }
  return { count, runs };
}

/** `length` bytes of the repeated pattern, from `offset` on. */
export function part(pattern: Uint8Array, offset: number, length: number): Uint8Array {
  const start = offset % pattern.length;
  if (start + length <= pattern.length) return pattern.subarray(start, start + length);
  const turned = start === 0 ? pattern : Buffer.concat([pattern.subarray(start), pattern.subarray(0, start)]);
  return Buffer.alloc(length, turned);
}

/** What a comparison found. Data: it does not change. */
export class Difference extends Shown {
  readonly equal: boolean;
  /** Bytes that were compared, and how many of them differ. */
  readonly length: number;
  readonly count: number;
  /** Where they differ: offsets in the buffer. The first 1000 runs. */
  readonly runs: readonly Run[];
  readonly #title: string;
  readonly #rows: readonly CellLike[][];

  /** `bytes` lie at `offset` of the buffer that `path` names. Users come by one through `buf.compare()`. */
  constructor(path: string, bytes: Uint8Array, offset: number, pattern: Uint8Array) {
    super();
    const { count, runs } = differing(bytes, pattern);
    this.runs = runs.map((run) => ({ offset: run.offset + offset, length: run.length }));
    this.length = bytes.length;
    this.count = count;
    this.equal = count === 0;
    const [first] = this.runs;
    this.#title =
      first === undefined
        ? `${path}: equal, ${this.length} bytes`
        : `${path}: ${count} of ${this.length} bytes differ, the first at +0x${first.offset.toString(16)}`;
    this.#rows = rowsOf(runs).map((at) => row(bytes, at, offset, pattern));
  }

  [VIEW](): View {
    return new View(this.#title, this.equal ? [] : ['offset', 'expected', 'found'], this.#rows);
  }
}

/** Where the first rows begin that have a difference. */
function rowsOf(runs: readonly Run[]): number[] {
  const starts: number[] = [];
  for (const { offset, length } of runs) {
    for (let at = offset - (offset % ROW); at < offset + length && starts.length < SHOWN; at += ROW) {
      if (starts.at(-1) !== at) starts.push(at);
    }
  }
  return starts;
}

function row(bytes: Uint8Array, at: number, offset: number, pattern: Uint8Array): CellLike[] {
  const found = [...bytes.subarray(at, at + ROW)];
  const expected = [...part(pattern, at, found.length)];
  const digits = (byte: number | undefined): string => (byte ?? 0).toString(16).padStart(2, '0');
  return [
    { text: (offset + at).toString(16).padStart(8, '0'), tone: 'dim' },
    expected.map(digits).join(' '),
    { text: found.map((byte, i) => (byte === expected[i] ? '..' : digits(byte))).join(' '), tone: 'bad' },
  ];
}

/**
 * A recording: what a program did with a card and what the card did, in order, a line of JSON each; the first line is what the card is.
 * record.ts writes it, replay.ts answers out of it.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { IrqAction, IrqData, IrqInfo, RegionInfo } from '../backend.js';
import * as errors from '../errors.js';
import type { Blow } from '../fate.js';
import { irqName } from './refused.js';

/** The first line. */
export interface Head {
  /** Of the format. */
  readonly recording: 1;
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly canReset: boolean;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly iovaRanges: readonly { readonly first: string; readonly last: string }[];
  readonly pageSizes: readonly number[];
}

/** What became of memory that the card may write: where the card sees the first byte, and the bytes in hex. */
export interface Written {
  readonly iova: string;
  readonly bytes: string;
}

/** An error that the card's backend threw. */
export interface Thrown extends Omit<errors.Failure, 'cause'> {
  readonly name: string;
}

/** What the program did, in words, and what came of it. */
export interface Call {
  readonly call: string;
  /** A value, bytes in hex, or data. */
  readonly answer?: unknown;
  readonly error?: Thrown;
  /** What had changed once it was done. */
  readonly memory?: readonly Written[];
}

/** What came by itself, between two calls: an interrupt, by its eventfd in the order they were made; bytes; REQ or ERR. */
export interface Came {
  readonly eventfd?: number;
  readonly count?: number;
  readonly memory?: readonly Written[];
  readonly befell?: Blow;
  /** Milliseconds since 1970. */
  readonly at?: number;
}

export type Line = Call | Came;

export const isCall = (line: Line | undefined): line is Call => line !== undefined && 'call' in line;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
export const bytesHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** How both name what is done, so that a call that is made again is the same text. */
export const CALL = {
  access: (verb: 'read' | 'write' | 'readBlock' | 'writeBlock', width: number, place: string, what = ''): string =>
    `${verb}${width} ${place}${what && ` ${what}`}`,
  dmaAlloc: (size: number, pageSize: number): string => `dmaAlloc ${hex(size)} in pages of ${hex(pageSize)}`,
  dmaAdopt: (size: number): string => `dmaAdopt ${hex(size)}`,
  dmaMap: (iova: bigint, size: number, read: boolean, write: boolean): string =>
    `dmaMap ${hex(iova)} ${hex(size)} ${read ? 'r' : ''}${write ? 'w' : ''}`,
  dmaUnmap: (iova: bigint, size: number): string => `dmaUnmap ${hex(iova)} ${hex(size)}`,
  setIrqs: (index: number, action: IrqAction, start: number, data: string): string =>
    `setIrqs ${irqName(index)} ${action} ${start}: ${data}`,
  lowPower: (on: boolean): string => `lowPower ${on}`,
} as const;

/** `number` tells which eventfd it is. */
export function irqDataText(data: IrqData, number: (eventfd: object) => number | undefined): string {
  if ('none' in data) return `none ${data.none}`;
  if ('bools' in data) return `bools ${data.bools.join(' ')}`;
  return `eventfds ${data.eventfds.map((each) => (each === undefined ? '-' : (number(each) ?? '?'))).join(' ')}`;
}

/** 'bar0+0x20'. */
export function place(regions: readonly RegionInfo[], region: number, offset: number): string {
  return `${regions.find(({ index }) => index === region)?.name ?? `region${region}`}+${hex(offset)}`;
}

/** The file, line by line as it comes, so that a process that is killed leaves what was done before. */
export class Writer {
  readonly #path: string;
  readonly #fd: number;
  #closed = false;

  /** What was in the file is gone. @throws SystemError where it cannot be written. */
  constructor(file: string, head: Head) {
    this.#path = `record:${file}`;
    this.#fd = this.#try('open', () => openSync(file, 'w'));
    try {
      this.write(head);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  write(line: Head | Line): void {
    if (!this.#closed) this.#try('write', () => writeSync(this.#fd, `${JSON.stringify(line)}\n`));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #try<T>(attempted: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      const { code: errno, message: reason } = error as NodeJS.ErrnoException;
      const hint = 'record to another file, or make room; what was recorded before is there';
      throw new errors.SystemError({ path: this.#path, attempted, reason, errno, hint, cause: error });
    }
  }
}

/** @throws SystemError where the file cannot be read; UsageError where it is no recording, naming the line. */
export function readRecording(file: string): { readonly head: Head; readonly lines: readonly Line[] } {
  const path = `replay:${file}`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code: errno, message: reason } = error as NodeJS.ErrnoException;
    const hint = `make one: open('record:${basename(file)}#0000:03:00.0')`;
    throw new errors.SystemError({ path, attempted: 'open', reason, errno, hint, cause: error });
  }
  const rows = text.split('\n');
  // Whoever wrote it was killed in the middle of its last line, or ended it.
  rows.pop();
  const [head, ...lines] = rows.map((row, i) => parsed(row, i + 1, path));
  if ((head as Head | undefined)?.recording !== 1) throw notOne(path, 1);
  return { head: head as Head, lines: lines as Line[] };
}

function parsed(row: string, number: number, path: string): unknown {
  try {
    const value: unknown = JSON.parse(row);
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw notOne(path, number);
}

const notOne = (path: string, line: number): errors.UsageError =>
  new errors.UsageError({
    path,
    attempted: 'open',
    reason: `line ${line} is not of a recording`,
    hint: "give a file that open('record:FILE#SPEC') wrote",
  });

export function thrown(error: errors.LabError): Thrown {
  const { name, path, attempted, reason, errno, hint } = error;
  return { name, path, attempted, reason, hint, ...(errno !== undefined && { errno }) };
}

const CLASSES: Readonly<Record<string, new (failure: errors.Failure) => errors.LabError>> = {
  BusError: errors.BusError,
  ClosedError: errors.ClosedError,
  GoneError: errors.GoneError,
  SystemError: errors.SystemError,
  UsageError: errors.UsageError,
};

/** The error anew, of the card `path` instead of the one that was recorded. */
export function again({ name, ...failure }: Thrown, from: string, path: string): errors.LabError {
  const moved = failure.path.startsWith(from) ? path + failure.path.slice(from.length) : failure.path;
  return new (CLASSES[name] ?? errors.LabError)({ ...failure, path: moved });
}

/** `browse()` in the kernel: a hexdump, and the comm behind which a front end's browser asks for what is on its screen. */
import type { Value, Width } from '../lib/backend.js';
import { Config } from '../lib/config/config.js';
import { DmaBuffer } from '../lib/dma.js';
import { ClosedError, UsageError } from '../lib/errors.js';
import { layoutOf } from '../lib/fields.js';
import { hexdump, type Stretch } from '../lib/hexdump.js';
import { Region } from '../lib/region.js';
import { BoundRegister, RegisterBlock, regionOf } from '../lib/registers.js';
import { Shown, VIEW, type View } from '../lib/view.js';
import type { BrowseAnswer, Browsed, BrowsedRegister, Part, ReadAnswer, WriteAnswer } from './browsed.js';

export interface BrowseOptions {
  /** Where to begin, in bytes. */
  readonly offset?: number;
  readonly width?: Width;
}

/** Bytes of the hexdump; and the most that is read at once. */
const DUMPED = 256;
const AT_MOST = 65_536;
/** For so long a block that failed is tried again access by access, in milliseconds: on a dying bus each may take long. */
const PATIENCE = 200;

/** A region or a buffer, as one thing to browse. */
interface Source {
  readonly path: string;
  readonly size: number;
  readonly base: bigint;
  readonly width: Width;
  readonly offset: number;
  readonly writable: boolean;
  readonly registers: readonly BoundRegister[];
  read(offset: number, length: number, width: Width): Uint8Array;
  write(offset: number, width: Width, value: bigint): void;
  unread(offset: number, length: number, width: Width): readonly (Stretch & { readonly name: string })[];
}

interface Held {
  readonly bytes: Uint8Array;
  readonly unread: readonly (Stretch & { readonly name: string })[];
  readonly failed: readonly Stretch[];
  readonly failure?: string;
}

/** What a cell holds of it: the hexdump as it was read. */
export class Browse extends Shown {
  readonly #source: Source;
  readonly #width: Width;
  readonly #offset: number;
  readonly #view: View;

  /** @throws UsageError for what cannot be browsed; ClosedError. A fault on the bus shows in the dump. */
  constructor(what: unknown, { offset, width }: BrowseOptions) {
    super();
    const source = sourceOf(what);
    this.#source = source;
    this.#width = width ?? source.width;
    this.#offset = offset ?? source.offset;
    const { path, size, base } = source;
    const refuse = (reason: string, hint: string) => new UsageError({ path, attempted: 'browse', reason, hint });
    if (![8, 16, 32, 64].includes(this.#width)) throw refuse(`width ${this.#width}`, 'use 8, 16, 32 or 64');
    if (!(Number.isSafeInteger(this.#offset) && this.#offset >= 0 && this.#offset < size))
      throw refuse(`offset ${this.#offset}`, `it has 0x${size.toString(16)} bytes`);
    const from = this.#offset - (this.#offset % 16);
    const step = this.#width / 8;
    const length = Math.min(DUMPED, size - from);
    const { bytes, unread, failed, failure } = read(source, from, length - (length % step), this.#width);
    const title = [
      path,
      ...(unread.length > 0 ? [`not read: ${unread.map(({ name }) => name).join(', ')}`] : []),
      ...(failure === undefined ? [] : [failure]),
    ].join(', ');
    const shown = { base: base + BigInt(from), width: this.#width, title, unread: [...unread, ...failed] };
    this.#view = hexdump(bytes, shown);
  }

  /** What a front end is told when the comm is opened. */
  get browsed(): Browsed {
    const { path, size, base, writable, registers } = this.#source;
    const [width, offset] = [this.#width, this.#offset];
    return { path, size, base: `${base}`, writable, offset, width, registers: registers.map(described) };
  }

  [VIEW](): View {
    return this.#view;
  }

  /** Answers what a front end asks; whatever that is, it is answered. */
  answer(request: Readonly<Record<string, unknown>>): BrowseAnswer {
    const id = Number(request.id);
    const write = request.act === 'write';
    try {
      return write ? { id, ...this.#write(request) } : { id, ...this.#read(request) };
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      const gone = error instanceof ClosedError ? { gone: failure } : {};
      const nothing = { bytes: '', unread: [], failed: [] };
      return write ? { id, act: 'write', failure, ...gone } : { id, act: 'read', ...nothing, failure, ...gone };
    }
  }

  #read(request: Readonly<Record<string, unknown>>): Omit<ReadAnswer, 'id'> {
    const { offset, width } = placeOf(request);
    const length = Math.min(Number(request.length), AT_MOST);
    if (!(length >= 0)) throw new RangeError(`length ${String(request.length)}`);
    const { bytes, unread, failed, failure } = read(this.#source, offset, length, width, request.fragile === true);
    return {
      act: 'read',
      bytes: Buffer.from(bytes).toString('base64'),
      unread: unread.map(part),
      failed: failed.map(part),
      ...(failure !== undefined && { failure }),
    };
  }

  #write(request: Readonly<Record<string, unknown>>): Omit<WriteAnswer, 'id'> {
    const { offset, width } = placeOf(request);
    const source = this.#source;
    source.write(offset, width, BigInt(String(request.value)));
    const length = width / 8;
    const covers = (one: BoundRegister) => one.offset < offset + length && one.offset + one.spec.width / 8 > offset;
    const blind = source.registers.find((one) => covers(one) && one.spec.access === 'wo');
    if (blind) return { act: 'write', unread: `${blind.name} is write-only` };
    const [fragile] = source.unread(offset, length, width);
    if (fragile) return { act: 'write', unread: `reading ${fragile.name} changes it` };
    try {
      const bytes = Buffer.from(source.read(offset, length, width));
      return { act: 'write', value: `${BigInt(`0x${bytes.reverse().toString('hex')}`)}` };
    } catch (error) {
      if (error instanceof ClosedError) throw error;
      return { act: 'write', unread: (error as Error).message };
    }
  }
}

/** As it was given: what is no place is refused where it is read or written. */
function placeOf({ offset, width }: Readonly<Record<string, unknown>>): { offset: number; width: Width } {
  return { offset: Number(offset), width: Number(width) as Width };
}

const part = ({ offset, length }: Stretch): Part => [offset, length];

/** Reads around what reading would change. What faults is left out too: a block that did is read again access by access. */
function read(source: Source, offset: number, length: number, width: Width, fragile = false): Held {
  const bytes = new Uint8Array(length);
  const unread = fragile ? [] : source.unread(offset, length, width);
  const failed: Stretch[] = [];
  const step = width / 8;
  let failure: string | undefined;
  const attempt = (at: number, size: number): boolean => {
    try {
      bytes.set(source.read(offset + at, size, width), at);
      return true;
    } catch (error) {
      if (error instanceof ClosedError) throw error;
      failure ??= (error as Error).message;
      if (error instanceof UsageError) deadline = 0;
      return false;
    }
  };
  let deadline = Number.POSITIVE_INFINITY;
  let from = 0;
  for (const { offset: to, length: skipped } of [...unread, { offset: length, length: 0 }]) {
    if (to > from && !attempt(from, to - from)) {
      deadline = Math.min(deadline, performance.now() + PATIENCE);
      for (let at = from; at < to; at += step) {
        if (performance.now() < deadline && attempt(at, step)) continue;
        failed.push({ offset: at, length: Math.min(step, to - at) });
      }
    }
    from = to + skipped;
  }
  return { bytes, unread, failed, ...(failure !== undefined && { failure }) };
}

function described({ name, offset, spec }: BoundRegister): BrowsedRegister {
  const { width, access, doc, errors } = spec;
  const fields = layoutOf(spec).map(({ name, msb, lsb, access, names, unit }) => {
    return { name, msb, lsb, access, names: [...names], ...(unit !== undefined && { unit }) };
  });
  return { name, offset, width, access, doc, errors, fields };
}

/** @throws UsageError for what is no region, no registers and no buffer. */
function sourceOf(what: unknown): Source {
  if (what instanceof Config) return { ...ofRegion(what, 0), registers: what.all() };
  if (what instanceof Region) return ofRegion(what, 0);
  if (what instanceof RegisterBlock) return ofRegion(regionOf(what), 0);
  if (what instanceof BoundRegister) return ofRegion(what.region, what.offset);
  if (what instanceof DmaBuffer) return ofBuffer(what);
  const hint = 'give a region, bound registers or a DMA buffer: browse(dev.bar(0))';
  throw new UsageError({ path: 'browse', attempted: 'browse', reason: 'there is nothing to browse', hint });
}

function ofRegion(region: Region, offset: number): Source {
  return {
    path: region.path,
    size: region.size,
    base: 0n,
    width: 32,
    offset,
    writable: region.info.writable,
    get registers() {
      return region.known;
    },
    read: (at, length, width) => region.readBlock(at, length, width),
    write: (at, width, value) => region.write(at, width, (width === 64 ? value : Number(value)) as Value<Width>),
    unread: (at, length, width) => region.unread(at, length, width),
  };
}

function ofBuffer(buffer: DmaBuffer): Source {
  const { path, iova } = buffer;
  const refuse = (attempted: string, reason: string) =>
    new UsageError({ path, attempted, reason, hint: `it has ${buffer.bytes.length} bytes` });
  const within = (attempted: string, at: number, length: number): void => {
    const { bytes } = buffer;
    if (Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length >= 0)
      if (at + length <= bytes.length) return;
    throw refuse(attempted, `${length} bytes at ${at}`);
  };
  return {
    path,
    size: buffer.bytes.length,
    base: iova,
    width: 8,
    offset: 0,
    writable: true,
    registers: [],
    read(at, length) {
      within('read', at, length);
      return buffer.bytes.slice(at, at + length);
    },
    write(at, width, value) {
      within(`write${width}`, at, width / 8);
      if (value < 0n || value >> BigInt(width) !== 0n)
        throw refuse(`write${width}`, `${value} has more than ${width} bits`);
      for (let n = 0; n < width / 8; n++) buffer.bytes[at + n] = Number((value >> BigInt(8 * n)) & 0xffn);
    },
    unread: () => [],
  };
}

/** A region of the device: a BAR, the ROM, config space. Every access is checked here before the device is touched. */
import type { RegionInfo, Value, Width } from './backend.js';
import { progress } from './cell.js';
import type { Accesses } from './config/seen.js';
import { UsageError } from './errors.js';
import { hexdump, type Stretch } from './hexdump.js';
import { changesByReading, type RegisterMap } from './map.js';
import { type BoundRegister, bindRegisters, type Registers } from './registers.js';
import { ownedByThread } from './thread.js';
import { type Uses, usesOf } from './uses.js';
import { Shown, VIEW, View } from './view.js';

/** Bytes of a block in one native call: some milliseconds on a slow bus. */
const CHUNK = 16_384;

const VALUE_MAX = { 8: 0xff, 16: 0xffff, 32: 0xffff_ffff } as const;
const VALUE64_MAX = 0xffff_ffff_ffff_ffffn;

/** `0x1a0`: how offsets and values are written. */
export const hex = (value: number | bigint) => `0x${value.toString(16)}`;

export class Region extends Shown {
  readonly #backend: Accesses;
  /** As VFIO tells it: index, size, flags, what is mapped. */
  readonly info: RegionInfo;
  /** '0000:03:00.0/bar0'. */
  readonly path: string;
  readonly #index: number;
  readonly #end: number;
  readonly #uses: Uses;
  /** By offset: registers that reading changes, as far as maps were bound that know them. */
  readonly #fragile = new Map<number, { readonly size: number; readonly name: string }>();
  /** By offset and name: registers of the maps that were bound. */
  readonly #known = new Map<string, BoundRegister>();

  /** Users come by a Region through `dev.bar(0)`, `dev.config` or `dev.region('rom')`. */
  constructor(backend: Accesses, info: RegionInfo) {
    super();
    this.#backend = backend;
    this.info = info;
    this.path = `${backend.path}/${info.name}`;
    ownedByThread(this, this.path);
    this.#index = info.index;
    this.#end = info.size;
    this.#uses = usesOf(backend.path);
  }

  /** 'bar0' … 'bar5', 'rom', 'config', 'vga'. */
  get name(): string {
    return this.info.name;
  }

  /** Bytes. */
  get size(): number {
    return this.info.size;
  }

  /**
   * One read of exactly 8 bits at `offset` bytes.
   *
   * @throws UsageError before the device is touched: offset misaligned, not an integer, outside the region.
   * @throws BusError where the read faulted: memory decoding off (COMMAND.MEM), D3, a reset under way. The session goes on.
   * @throws ClosedError after `dev.close()`.
   * @example dev.bar(0).read8(0x20)
   */
  read8(offset: number): number {
    this.#check(offset, 8, 'read8');
    return this.#backend.read(this.#index, offset, 8) as number;
  }

  /** One read of exactly 16 bits; see `read8`. `offset` is a multiple of 2. */
  read16(offset: number): number {
    this.#check(offset, 16, 'read16');
    return this.#backend.read(this.#index, offset, 16) as number;
  }

  /** One read of exactly 32 bits; see `read8`. `offset` is a multiple of 4. */
  read32(offset: number): number {
    this.#check(offset, 32, 'read32');
    return this.#backend.read(this.#index, offset, 32) as number;
  }

  /** One read of exactly 64 bits; see `read8`. `offset` is a multiple of 8. Refused where the region is not mapped. */
  read64(offset: number): bigint {
    this.#check(offset, 64, 'read64');
    return this.#backend.read(this.#index, offset, 64) as bigint;
  }

  /**
   * One write of exactly 8 bits at `offset` bytes. Side effects are the device's.
   *
   * @throws UsageError before the device is touched: see `read8`; and for a value that is no integer from 0 to 0xff.
   * @throws BusError and ClosedError as `read8` does.
   * @example dev.bar(0).write8(0x60, 1)
   */
  write8(offset: number, value: number): void {
    this.#check(offset, 8, 'write8');
    this.#checkValue(offset, 8, value);
    this.#stamp();
    this.#backend.write(this.#index, offset, 8, value);
  }

  /** One write of exactly 16 bits; see `write8`. */
  write16(offset: number, value: number): void {
    this.#check(offset, 16, 'write16');
    this.#checkValue(offset, 16, value);
    this.#stamp();
    this.#backend.write(this.#index, offset, 16, value);
  }

  /** One write of exactly 32 bits; see `write8`. */
  write32(offset: number, value: number): void {
    this.#check(offset, 32, 'write32');
    this.#checkValue(offset, 32, value);
    this.#stamp();
    this.#backend.write(this.#index, offset, 32, value);
  }

  /** One write of exactly 64 bits, the value a bigint; see `write8`. Refused where the region is not mapped. */
  write64(offset: number, value: bigint): void {
    this.#check(offset, 64, 'write64');
    this.#checkValue(offset, 64, value);
    this.#stamp();
    this.#backend.write(this.#index, offset, 64, value);
  }

  /** One read of `width` bits, where the width is data; see `read8`. */
  read<W extends Width>(offset: number, width: W): Value<W> {
    this.#check(offset, width, `read${width}`);
    return this.#backend.read(this.#index, offset, width) as Value<W>;
  }

  /** One write of `width` bits, where the width is data; see `write8`. */
  write<W extends Width>(offset: number, width: W, value: Value<W>): void {
    this.#check(offset, width, `write${width}`);
    this.#checkValue(offset, width, value);
    this.#stamp();
    this.#backend.write(this.#index, offset, width, value);
  }

  /**
   * Reads `length` bytes by accesses of exactly `width` bits at ascending offsets, in one native call where the region
   * is mapped. Every register in the range is read, also those that lose data by it.
   *
   * @throws UsageError, BusError, ClosedError as `read8` does; `length` must be a multiple of the width.
   * @example hexdump(dev.bar(0).readBlock(0, 256))
   */
  readBlock(offset: number, length: number, width: Width = 32): Uint8Array {
    this.#checkBlock(offset, length, width, 'readBlock');
    const into = new Uint8Array(length);
    this.#inChunks(`read ${this.path}`, length, (at, end) =>
      this.#backend.readBlock(this.#index, offset + at, width, into.subarray(at, end)),
    );
    return into;
  }

  /** Writes `bytes` by accesses of exactly `width` bits at ascending offsets; see `readBlock`. */
  writeBlock(offset: number, bytes: Uint8Array, width: Width = 32): void {
    this.#checkBlock(offset, bytes.length, width, 'writeBlock');
    this.#stamp();
    this.#inChunks(`write ${this.path}`, bytes.length, (at, end) =>
      this.#backend.writeBlock(this.#index, offset + at, width, bytes.subarray(at, end)),
    );
  }

  /**
   * Reads a block, as `readBlock` does, and shows it as a hexdump. Default: the first 256 bytes, 32 bits at a time. Registers that reading
   * would change ('rclr', or a field of theirs), as the maps say that were bound to this region, are not read: dashes stand for them.
   */
  dump(offset = 0, length: number = Math.min(256, this.size - offset), width: Width = 32): View {
    this.#checkBlock(offset, length, width, 'dump');
    const bytes = new Uint8Array(length);
    const unread = this.unread(offset, length, width);
    let from = 0;
    for (const { offset: at, length: skipped } of [...unread, { offset: length, length: 0 }]) {
      if (at > from) bytes.set(this.readBlock(offset + from, at - from, width), from);
      from = at + skipped;
    }
    const names = unread.map(({ name }) => name);
    const title = names.length === 0 ? this.path : `${this.path}, not read: ${names.join(', ')}`;
    return hexdump(bytes, { base: offset, width, title, unread });
  }

  /**
   * What a dump leaves out, since reading would change it: whole accesses of its width, counted from `offset` on, in order, none twice,
   * each with the register's name. Touches nothing.
   *
   * @example dev.bar(0).unread(0, 256, 32)
   */
  unread(offset: number, length: number, width: Width): readonly (Stretch & { readonly name: string })[] {
    const step = width / 8;
    const found: { offset: number; length: number; name: string }[] = [];
    for (const [at, { size, name }] of [...this.#fragile].sort(([a], [b]) => a - b)) {
      const first = Math.max(
        at - offset - ((at - offset) % step),
        found.at(-1) === undefined ? 0 : endOf(found.at(-1)),
      );
      const end = Math.min(length, Math.ceil((at + size - offset) / step) * step);
      if (at + size > offset && end > Math.max(0, first))
        found.push({ offset: Math.max(0, first), length: end - Math.max(0, first), name });
    }
    return found;
  }

  /**
   * Binds a register map to this region. Reads nothing.
   *
   * @throws UsageError where a register lies outside the region.
   * @example
   * const edu = dev.bar(0).registers(EDU)
   * edu.STATUS.modify({ IRQ: 1 })
   */
  registers<const M extends RegisterMap>(map: M): Registers<M> {
    const bound = bindRegisters(this, map);
    for (const register of Object.values(bound).flat() as BoundRegister[]) {
      const { name, offset, spec } = register;
      this.#known.set(`${offset} ${name}`, register);
      if (changesByReading(spec)) this.#fragile.set(offset, { size: spec.width / 8, name });
    }
    return bound;
  }

  /** The registers of the maps that were bound to it so far, in ascending order. Touches nothing. */
  get known(): readonly BoundRegister[] {
    return [...this.#known.values()].sort((a, b) => a.offset - b.offset);
  }

  [VIEW](): View {
    return new View(this.path, REGION_HEAD, [regionRow(this.info)]);
  }

  /** A long block in parts: how far it has come is seen, and it can be interrupted. */
  #inChunks(title: string, length: number, act: (from: number, to: number) => void): void {
    if (length <= CHUNK) {
      if (length > 0) act(0, length);
      return;
    }
    const bar = progress(title, length);
    try {
      for (let at = 0; at < length; at += CHUNK) {
        act(at, Math.min(length, at + CHUNK));
        bar.step(at + CHUNK);
      }
    } finally {
      bar.end();
    }
  }

  #check(offset: number, width: Width, attempted: string): void {
    const bytes = width >> 3;
    const known = width === 32 || width === 8 || width === 16 || width === 64;
    if (!known || !Number.isSafeInteger(offset) || offset < 0 || offset > this.#end - bytes || offset % bytes !== 0) {
      this.#refuse(offset, width, attempted);
    }
    this.#uses.count++;
  }

  /** Before a write. */
  #stamp(): void {
    if (this.#uses.timers > 0) this.#uses.wroteAt = performance.now();
  }

  #checkValue(offset: number, width: Width, value: number | bigint): void {
    const fits =
      width === 64
        ? typeof value === 'bigint' && value >= 0n && value <= VALUE64_MAX
        : Number.isInteger(value) && (value as number) >= 0 && (value as number) <= VALUE_MAX[width];
    if (fits) return;
    throw new UsageError({
      path: `${this.path}+${hex(offset)}`,
      attempted: `write${width}`,
      reason: `${String(value)}${typeof value === 'bigint' ? 'n' : ''} is not a ${width}-bit value`,
      hint:
        width === 64
          ? 'use a bigint from 0n to 0xffff_ffff_ffff_ffffn'
          : `use an integer from 0 to ${hex(VALUE_MAX[width])}`,
    });
  }

  #checkBlock(offset: number, length: number, width: Width, attempted: string): void {
    const bytes = width >> 3;
    if (length === 0 && offset === this.#end) return;
    this.#check(offset, width, attempted);
    if (!Number.isSafeInteger(length) || length < 0 || length % bytes !== 0 || offset + length > this.#end) {
      throw new UsageError({
        path: `${this.path}+${hex(offset)}`,
        attempted,
        reason: `length ${length} is not a multiple of ${bytes} from 0 to ${hex(this.#end - offset)}`,
        hint: `the region is ${hex(this.#end)} bytes long`,
      });
    }
  }

  /** Why `#check` refused, in words; out of its way, so that the check stays small and fast. */
  #refuse(offset: number, width: Width, attempted: string): never {
    const bytes = width >> 3;
    const refusal = (reason: string, hint: string) =>
      new UsageError({
        path: Number.isSafeInteger(offset) && offset >= 0 ? `${this.path}+${hex(offset)}` : this.path,
        attempted,
        reason,
        hint,
      });
    if (![8, 16, 32, 64].includes(width)) throw refusal(`width ${width}`, 'a width is 8, 16, 32 or 64 bits');
    if (!Number.isSafeInteger(offset))
      throw refusal(`offset ${String(offset)} is not an integer`, 'offsets are bytes, as numbers');
    if (offset < 0 || offset > this.#end - bytes) {
      throw refusal(
        `offset ${offset < 0 ? `-${hex(-offset)}` : hex(offset)} is outside the region`,
        this.#end < bytes
          ? `the region is ${hex(this.#end)} bytes long`
          : `the last ${width}-bit offset is ${hex(this.#end - bytes)}`,
      );
    }
    const below = offset - (offset % bytes);
    throw refusal(`offset is not a multiple of ${bytes}`, `use ${hex(below)}, or a narrower access`);
  }
}

const endOf = (stretch: Stretch | undefined): number => (stretch === undefined ? 0 : stretch.offset + stretch.length);

export const REGION_HEAD = ['region', 'size', 'access', 'reached by'];

/** One line about a region, without touching it. */
export function regionRow(info: RegionInfo) {
  const mappedBytes = info.mapped.reduce((sum, area) => sum + area.size, 0);
  const reached = mappedBytes === 0 ? 'pread' : mappedBytes === info.size ? 'mmap' : 'mmap, pread in the holes';
  return [
    { text: info.name, tone: 'name' },
    { text: sizeText(info.size), align: 'right' },
    `${info.readable ? 'r' : '-'}${info.writable ? 'w' : '-'}${info.io ? ' io' : ''}`,
    { text: reached, tone: 'dim' },
  ] as const;
}

/** '4 KiB', '1 MiB', '36 B': exact, or in bytes. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let size = bytes;
  while (size >= 1024 && size % 1024 === 0 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size} ${units[unit]}`;
}

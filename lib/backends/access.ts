/**
 * How the bytes of a VFIO device's regions are reached: through their mapping where there is one, each access one guarded
 * instruction, and through pread and pwrite on the device's fd elsewhere.
 *
 * Ref: vfio_pci_core_do_io_rw() and vfio_config_do_rw() in drivers/vfio/pci: 1, 2 or 4 aligned bytes are one access of that width
 */
import type { Width } from '../backend.js';
import { REGION } from '../backend.js';
import { BusError, ClosedError, GoneError, SystemError, UsageError } from '../errors.js';
import type { Fate } from '../fate.js';
import { errnoName, libc } from '../native.js';
import { type MappedRegion, REGION_SHIFT } from './regions.js';
import { ONES, type Window } from './window.js';

/** How a backend calls itself. */
export interface Identity {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly fate?: Fate;
}

/** STATUS: it has bits that are always 0. The IDs would not do, vfio-pci answers for them itself. Ref: PCI Express Base 6.0, 7.5.1.1.4 */
const STATUS = 0x06;

/** A small buffer at a fixed place, for pread and pwrite. */
const scratch = new Uint8Array(new ArrayBuffer(8));
const value = new DataView(scratch.buffer);

export class RegionAccess {
  readonly #identity: Identity;
  readonly #regions: readonly MappedRegion[];
  /** By region index; emptied by close, so that no access reaches what is unmapped. */
  #windows: (readonly Window[] | undefined)[] = [];
  /** -1 once closed. */
  #fd: number;

  /** Takes the regions over, not the fd. */
  constructor(identity: Identity, fd: number, regions: readonly MappedRegion[]) {
    this.#identity = identity;
    this.#fd = fd;
    this.#regions = regions;
    for (const { info, windows } of regions) {
      this.#windows[info.index] = windows;
      for (const window of windows) {
        window.onOnes = (offset, width) => this.#checkPresent(info.index, offset, `read${width}`);
      }
    }
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const window = this.#window(region, offset, width / 8);
    if (window === undefined) return this.#pread(region, offset, width);
    const value = window.read(offset, width);
    if (value === undefined) throw this.#fault(region, offset, `read${width}`);
    return value;
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    const window = this.#window(region, offset, width / 8);
    if (window === undefined) this.#pwrite(region, offset, width, value);
    else if (window.write(offset, width, value)) throw this.#fault(region, offset, `write${width}`);
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const window = this.#window(region, offset, into.length);
    const size = width / 8;
    if (window === undefined) {
      for (let done = 0; done < into.length; done += size) {
        this.#transfer('pread', region, offset + done, width, `readBlock${width}`);
        into.set(scratch.subarray(0, size), done);
      }
    } else {
      const done = window.readBlock(offset, width, into) * size;
      if (done < into.length) throw this.#fault(region, offset + done, `readBlock${width}`);
    }
    // A card that went away meanwhile answered the last one so.
    if (into.subarray(-size).every((byte) => byte === 0xff)) this.#checkPresent(region, offset, `readBlock${width}`);
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    const window = this.#window(region, offset, from.length);
    const size = width / 8;
    if (window === undefined) {
      for (let done = 0; done < from.length; done += size) {
        scratch.set(from.subarray(done, done + size));
        this.#transfer('pwrite', region, offset + done, width, `writeBlock${width}`);
      }
      return;
    }
    const done = window.writeBlock(offset, width, from) * size;
    if (done < from.length) throw this.#fault(region, offset + done, `writeBlock${width}`);
  }

  /** Unreachable first, then unmapped. */
  close(): void {
    if (this.#fd < 0) return;
    this.#fd = -1;
    this.#windows = [];
    for (const region of this.#regions) region.unmap();
  }

  /** What is mapped into this process. */
  get mappings(): { readonly at: number; readonly size: number }[] {
    return this.#regions.flatMap(({ windows }) => windows.map(({ at, first, end }) => ({ at, size: end - first })));
  }

  /** All-ones were read: a register may hold them, or nobody is there. Config space tells which, by one more read of it. */
  #checkPresent(region: number, offset: number, attempted: string): void {
    const result = libc().pread(this.#fd, scratch, 2, REGION.CONFIG * REGION_SHIFT + STATUS);
    if (result === 2 && value.getUint16(0, true) !== ONES[16]) return;
    this.#identity.fate?.fallSilent(Date.now());
    throw gone(this.#identity, this.#place(region, offset), attempted);
  }

  /** The window that has all these bytes; undefined where they are not mapped. */
  #window(region: number, offset: number, bytes: number): Window | undefined {
    const windows = this.#windows[region];
    if (windows === undefined) return undefined;
    for (let i = 0; i < windows.length; i++) {
      const window = windows[i];
      if (window !== undefined && offset >= window.first && offset + bytes <= window.end) return window;
    }
    return undefined;
  }

  #pread(region: number, offset: number, width: Width): number {
    this.#transfer('pread', region, offset, width, `read${width}`);
    const number =
      width === 32 ? value.getUint32(0, true) : width === 16 ? value.getUint16(0, true) : value.getUint8(0);
    if (number === ONES[width]) this.#checkPresent(region, offset, `read${width}`);
    return number;
  }

  #pwrite(region: number, offset: number, width: Width, number: number | bigint): void {
    if (width !== 64) value.setUint32(0, Number(number), true);
    this.#transfer('pwrite', region, offset, width, `write${width}`);
  }

  /** One access of up to 32 bits through the fd, by way of `scratch`: the kernel makes it exactly that wide. */
  #transfer(call: 'pread' | 'pwrite', region: number, offset: number, width: Width, attempted: string): void {
    if (this.#fd < 0) throw closed(this.#identity, attempted);
    const path = this.#place(region, offset);
    if (width === 64) throw notAtOnce(path, attempted);
    const size = width / 8;
    const result = libc()[call](this.#fd, scratch, size, region * REGION_SHIFT + offset);
    if (result === size) return;
    if (this.#identity.fate?.lost) throw gone(this.#identity, path, attempted);
    const errno = result < 0 ? errnoName(-result) : undefined;
    if (errno === 'EIO') throw this.#fault(region, offset, attempted, errno);
    const reason = errno === undefined ? `${result} of ${size} bytes were transferred` : `${call} failed`;
    throw new SystemError({ path, attempted, reason, errno, hint: 'check that the device is still there: lspci -D' });
  }

  #fault(region: number, offset: number, attempted: string, errno?: string): BusError | GoneError {
    const path = this.#place(region, offset);
    return this.#identity.fate?.lost ? gone(this.#identity, path, attempted) : faulted(path, attempted, errno);
  }

  #place(region: number, offset: number): string {
    const name = this.#regions.find(({ info }) => info.index === region)?.info.name ?? `region${region}`;
    return `${this.#identity.path}/${name}+0x${offset.toString(16)}`;
  }
}

/** An access that faulted: SIGBUS on mapped memory, or EIO. */
export function faulted(path: string, attempted: string, errno?: string): BusError {
  const reason = errno ? 'the access faulted on the bus' : 'the access faulted on the bus (SIGBUS)';
  const hint =
    'memory decoding may be off (COMMAND.MEM in config space), the device in D3 or in a reset; config space still answers';
  return new BusError({ path, attempted, reason, errno, hint });
}

/** 64 bits where a region is not mapped. */
export function notAtOnce(path: string, attempted: string): UsageError {
  const reason = 'the kernel may split 64 bits into two accesses where a region is not mapped';
  return new UsageError({ path, attempted, reason, hint: 'make two 32-bit accesses, in the order the device wants' });
}

/** The card was taken away, or answers no more. */
export function gone({ spec, fate }: Pick<Identity, 'spec' | 'fate'>, path: string, attempted: string): GoneError {
  const reason = fate?.lost ?? 'answers all-ones, and so does its config space';
  const hint = fate?.lost
    ? `give it to vfio-pci again, then open it: open('${spec}')`
    : 'is it in its slot, powered, and out of reset? lspci tells whether the host still sees it';
  return new GoneError({ path, attempted, reason: `the card ${reason}`, hint });
}

export function closed(identity: Pick<Identity, 'path' | 'spec' | 'fate'>, attempted: string): ClosedError {
  const { path, spec, fate } = identity;
  if (fate?.lost) return gone(identity, path, attempted);
  return new ClosedError({ path, attempted, reason: 'the device is closed', hint: `open it again: open('${spec}')` });
}

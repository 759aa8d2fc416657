/**
 * How the bytes of a VFIO device's regions are reached: through their mapping where there is one, each access one guarded
 * instruction, and through pread and pwrite on the device's fd elsewhere.
 *
 * Ref: vfio_pci_core_do_io_rw() and vfio_config_do_rw() in drivers/vfio/pci: 1, 2 or 4 aligned bytes are one access of that width
 */
import type { Width } from '../backend.js';
import { BusError, ClosedError, SystemError, UsageError } from '../errors.js';
import { errnoName, libc } from '../native.js';
import { type MappedRegion, REGION_SHIFT } from './regions.js';
import type { Window } from './window.js';

/** How a backend calls itself. */
export interface Identity {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
}

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
    for (const { info, windows } of regions) this.#windows[info.index] = windows;
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
      return;
    }
    const done = window.readBlock(offset, width, into) * size;
    if (done < into.length) throw this.#fault(region, offset + done, `readBlock${width}`);
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
    return width === 32 ? value.getUint32(0, true) : width === 16 ? value.getUint16(0, true) : value.getUint8(0);
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
    const errno = result < 0 ? errnoName(-result) : undefined;
    if (errno === 'EIO') throw this.#fault(region, offset, attempted, errno);
    const reason = errno === undefined ? `${result} of ${size} bytes were transferred` : `${call} failed`;
    throw new SystemError({ path, attempted, reason, errno, hint: 'check that the device is still there: lspci -D' });
  }

  #fault(region: number, offset: number, attempted: string, errno?: string): BusError {
    return faulted(this.#place(region, offset), attempted, errno);
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

export function closed({ path, spec }: Pick<Identity, 'path' | 'spec'>, attempted: string): ClosedError {
  return new ClosedError({ path, attempted, reason: 'the device is closed', hint: `open it again: open('${spec}')` });
}

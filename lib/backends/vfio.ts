/**
 * A device behind the kernel's VFIO: what every way to its fd shares. Regions are read through their mapping where the
 * kernel allows one, and through pread and pwrite elsewhere; interrupts, reset and memory are ioctls.
 *
 * Ref: include/uapi/linux/vfio.h, drivers/vfio/pci/
 */
import {
  type Backend,
  type DmaAccess,
  type DmaMemory,
  type IovaRange,
  IRQ,
  type IrqAction,
  type IrqData,
  type IrqInfo,
  type IrqName,
  type RegionInfo,
  type Width,
} from '../backend.js';
import { BusError, ClosedError, SystemError, UsageError } from '../errors.js';
import { errnoName, libc, type Mmio, mmio } from '../native.js';
import { DEVICE_INFO, FLAG, IOCTL, IRQ_INFO, IRQ_SET } from '../uapi.js';
import { KernelEventfd } from './eventfd.js';
import { PageMemory } from './memory.js';
import { granted } from './refused.js';
import { type MappedRegion, openRegions, REGION_SHIFT, type Window } from './regions.js';

/** The IOMMU as one way of opening reaches it. Errors name its own ioctls. */
export interface Iommu {
  readonly iovaRanges: readonly IovaRange[];
  readonly pageSizes: readonly number[];
  map(pointer: bigint, size: number, iova: bigint, access: DmaAccess): void;
  unmap(iova: bigint, size: number): void;
  /** After the device's fd was closed. Never throws. */
  close(): void;
}

export interface Identity {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
}

const ACTION = {
  mask: FLAG.VFIO_IRQ_SET_ACTION_MASK,
  unmask: FLAG.VFIO_IRQ_SET_ACTION_UNMASK,
  trigger: FLAG.VFIO_IRQ_SET_ACTION_TRIGGER,
} as const;

const FAULT_HINT =
  'memory decoding may be off (COMMAND.MEM in config space), the device in D3 or in a reset; config space still answers';

export class VfioBackend implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly iovaRanges: readonly IovaRange[];
  readonly pageSizes: readonly number[];
  readonly canReset: boolean;

  readonly #iommu: Iommu;
  readonly #mapped: readonly MappedRegion[];
  readonly #mmio: Mmio | undefined = mmio();
  /** By region index; emptied by close, so that no access reaches what is unmapped. */
  #windows: (readonly Window[] | undefined)[] = [];
  /** -1 once closed. */
  #fd: number;

  /** Takes the device's fd and the IOMMU over: `close()` closes both. Where it throws, they stay the caller's. */
  constructor(identity: Identity, fd: number, iommu: Iommu) {
    this.spec = identity.spec;
    this.path = identity.path;
    this.driver = identity.driver;
    this.#fd = fd;
    this.#iommu = iommu;
    this.iovaRanges = iommu.iovaRanges;
    this.pageSizes = iommu.pageSizes;
    const bytes = DEVICE_INFO.pack({});
    granted(libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_INFO, bytes), this.path, 'step 7, VFIO_DEVICE_GET_INFO');
    const info = DEVICE_INFO.unpack(bytes);
    this.canReset = (info.flags & FLAG.VFIO_DEVICE_FLAGS_RESET) !== 0;
    this.irqs = irqsOf(fd, this.path, info.num_irqs);
    this.#mapped = openRegions(fd, this.path, info.num_regions, this.#mmio !== undefined);
    this.regions = this.#mapped.map((region) => region.info);
    for (const { info, windows } of this.#mapped) this.#windows[info.index] = windows;
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const at = this.#address(region, offset, width / 8);
    const m = this.#mmio;
    if (at === 0 || m === undefined) return this.#pread(region, offset, width);
    if (width === 64) {
      const value = m.read64(at);
      if (value !== undefined) return value;
    } else {
      const value = width === 32 ? m.read32(at) : width === 16 ? m.read16(at) : m.read8(at);
      if (value >= 0) return value;
    }
    throw this.#fault(region, offset, `read${width}`);
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    const at = this.#address(region, offset, width / 8);
    const m = this.#mmio;
    if (at === 0 || m === undefined) {
      this.#pwrite(region, offset, width, value);
      return;
    }
    let failed: number;
    if (width === 64) failed = m.write64(at, value as bigint);
    else if (width === 32) failed = m.write32(at, value as number);
    else if (width === 16) failed = m.write16(at, value as number);
    else failed = m.write8(at, value as number);
    if (failed !== 0) throw this.#fault(region, offset, `write${width}`);
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const at = this.#address(region, offset, into.length);
    const size = width / 8;
    if (at === 0 || this.#mmio === undefined) {
      for (let done = 0; done < into.length; done += size) {
        this.#transfer('pread', region, offset + done, width, `readBlock${width}`);
        into.set(scratch.subarray(0, size), done);
      }
      return;
    }
    const done = this.#mmio.readBlock(at, width, into) * size;
    if (done < into.length) throw this.#fault(region, offset + done, `readBlock${width}`);
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    const at = this.#address(region, offset, from.length);
    const size = width / 8;
    if (at === 0 || this.#mmio === undefined) {
      for (let done = 0; done < from.length; done += size) {
        scratch.set(from.subarray(done, done + size));
        this.#transfer('pwrite', region, offset + done, width, `writeBlock${width}`);
      }
      return;
    }
    const done = this.#mmio.writeBlock(at, width, from) * size;
    if (done < from.length) throw this.#fault(region, offset + done, `writeBlock${width}`);
  }

  dmaAlloc(size: number, pageSize: number): DmaMemory {
    this.#checkOpen('dmaAlloc');
    return new PageMemory(size, pageSize, this.path);
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    this.#checkOpen('dmaMap');
    if (!(memory instanceof PageMemory) || memory.released) {
      const reason = 'the memory is not one that dmaAlloc() gave, or was released';
      throw new UsageError({ path: this.path, attempted: 'dmaMap', reason, hint: 'allocate it with dmaAlloc()' });
    }
    this.#iommu.map(memory.pointer, memory.size, iova, access);
  }

  dmaUnmap(iova: bigint, size: number): void {
    this.#checkOpen('dmaUnmap');
    this.#iommu.unmap(iova, size);
  }

  eventfd(): KernelEventfd {
    this.#checkOpen('eventfd');
    return new KernelEventfd();
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    this.#checkOpen('setIrqs');
    const { flag, count, tail } = irqData(data);
    const bytes = IRQ_SET.pack({ flags: ACTION[action] | flag, index, start, count }, tail);
    const result = libc().ioctl(this.#fd, IOCTL.VFIO_DEVICE_SET_IRQS, bytes);
    const path = `${this.path}/${irqName(index)}`;
    const attempted = `VFIO_DEVICE_SET_IRQS (${action})`;
    if (result > 0) {
      const reason = `the kernel has ${result} vectors left for it, ${count} were asked for`;
      throw new SystemError({ path, attempted, reason, hint: `enable ${result} at most` });
    }
    granted(result, path, attempted, {
      EINVAL: [
        'the kernel refuses it in this state: another kind of interrupt is enabled, or the vector is not',
        'disable the other kind first: INTx, MSI and MSI-X exclude each other',
      ],
      ENOTTY: ['the kernel cannot mask or unmask this kind', "mask it in the device's own registers"],
      ENOSPC: ['no interrupt vectors are left', 'enable fewer'],
      EBUSY: ['the interrupt line is shared with another driver', 'use MSI or MSI-X'],
    });
  }

  reset(): void {
    this.#checkOpen('reset');
    granted(libc().ioctl(this.#fd, IOCTL.VFIO_DEVICE_RESET, 0), this.path, 'VFIO_DEVICE_RESET', {
      EINVAL: ['the device has no reset of its own', 'behind a root port of its own it could be reset through the bus'],
      ENOTTY: ['the device has no reset of its own', 'unbind it and bind it again, or power the slot off and on'],
      EAGAIN: ['the device, or one beside it, is busy', 'try again'],
    });
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    // Unreachable first, then gone.
    this.#fd = -1;
    this.#windows = [];
    for (const region of this.#mapped) region.unmap();
    libc().close(fd);
    this.#iommu.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Where in this process the bytes are; 0 where they are not mapped, all in one window. */
  #address(region: number, offset: number, bytes: number): number {
    const windows = this.#windows[region];
    if (windows === undefined) return 0;
    for (let i = 0; i < windows.length; i++) {
      const window = windows[i];
      if (window !== undefined && offset >= window.first && offset + bytes <= window.end) return window.base + offset;
    }
    return 0;
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
    this.#checkOpen(attempted);
    const path = this.#place(region, offset);
    if (width === 64) {
      const reason = 'the kernel may split 64 bits into two accesses where a region is not mapped';
      throw new UsageError({
        path,
        attempted,
        reason,
        hint: 'make two 32-bit accesses, in the order the device wants',
      });
    }
    const size = width / 8;
    const result = libc()[call](this.#fd, scratch, size, region * REGION_SHIFT + offset);
    if (result === size) return;
    const errno = result < 0 ? errnoName(-result) : undefined;
    if (errno === 'EIO') throw this.#fault(region, offset, attempted, errno);
    const reason = errno === undefined ? `${result} of ${size} bytes were transferred` : `${call} failed`;
    throw new SystemError({ path, attempted, reason, errno, hint: 'check that the device is still there: lspci -D' });
  }

  #fault(region: number, offset: number, attempted: string, errno?: string): BusError {
    const reason = errno ? 'the access faulted on the bus' : 'the access faulted on the bus (SIGBUS)';
    return new BusError({ path: this.#place(region, offset), attempted, reason, errno, hint: FAULT_HINT });
  }

  #place(region: number, offset: number): string {
    const name = this.regions.find(({ index }) => index === region)?.name ?? `region${region}`;
    return `${this.path}/${name}+0x${offset.toString(16)}`;
  }

  #checkOpen(attempted: string): void {
    if (this.#fd >= 0) return;
    throw new ClosedError({
      path: this.path,
      attempted,
      reason: 'the device is closed',
      hint: `open it again: open('${this.spec}')`,
    });
  }
}

const scratch = new Uint8Array(new ArrayBuffer(8));
const value = new DataView(scratch.buffer);

const irqName = (index: number): IrqName | `irq${number}` =>
  (Object.keys(IRQ) as IrqName[]).find((name) => IRQ[name] === index) ?? `irq${index}`;

/** The kinds of interrupt that the device has. */
function irqsOf(fd: number, path: string, kinds: number): IrqInfo[] {
  const found: IrqInfo[] = [];
  for (const name of Object.keys(IRQ) as IrqName[]) {
    const index = IRQ[name];
    if (index >= kinds) continue;
    const bytes = IRQ_INFO.pack({ index });
    const result = libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_IRQ_INFO, bytes);
    // ERR on a device that is not PCI Express.
    if (result < 0 && errnoName(-result) === 'EINVAL') continue;
    granted(result, `${path}/${name}`, 'step 7, VFIO_DEVICE_GET_IRQ_INFO');
    const { flags, count } = IRQ_INFO.unpack(bytes);
    if (count === 0) continue;
    found.push({
      index,
      name,
      count,
      maskable: (flags & FLAG.VFIO_IRQ_INFO_MASKABLE) !== 0,
      automasked: (flags & FLAG.VFIO_IRQ_INFO_AUTOMASKED) !== 0,
      noresize: (flags & FLAG.VFIO_IRQ_INFO_NORESIZE) !== 0,
    });
  }
  return found;
}

/** VFIO_IRQ_SET_DATA_*: the flag, the number of vectors, and what follows the struct. */
function irqData(data: IrqData): { flag: number; count: number; tail: Uint8Array } {
  if ('none' in data) return { flag: FLAG.VFIO_IRQ_SET_DATA_NONE, count: data.none, tail: new Uint8Array(0) };
  if ('bools' in data) {
    return { flag: FLAG.VFIO_IRQ_SET_DATA_BOOL, count: data.bools.length, tail: Uint8Array.from(data.bools, Number) };
  }
  const fds = Int32Array.from(data.eventfds, (eventfd) => eventfd?.fd ?? -1);
  return { flag: FLAG.VFIO_IRQ_SET_DATA_EVENTFD, count: fds.length, tail: new Uint8Array(fds.buffer) };
}

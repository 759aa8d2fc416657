/**
 * A device behind the kernel's VFIO: what every way to its fd shares.
 *
 * Ref: include/uapi/linux/vfio.h, drivers/vfio/pci/
 */
import {
  type Backend,
  type DmaAccess,
  type DmaMemory,
  type Feature,
  type HotResetMember,
  type Holder,
  type IovaRange,
  IRQ,
  type IrqAction,
  type IrqData,
  type IrqInfo,
  type IrqName,
  type RegionInfo,
  type Width,
} from '../backend.js';
import { SystemError } from '../errors.js';
import { type Blow, Fate } from '../fate.js';
import { errnoName, libc, mmio } from '../native.js';
import type { Seat } from '../share/seat.js';
import type { Reach } from '../share/sharer.js';
import { Vigil } from '../share/vigil.js';
import { DEVICE_INFO, FLAG, IOCTL, IRQ_INFO, IRQ_SET } from '../uapi.js';
import { closed, type Identity, RegionAccess } from './access.js';
import { KernelEventfd } from './eventfd.js';
import { featuresOf, setFeature } from './feature.js';
import { hotReset, hotResetMembers } from './hot-reset.js';
import { BorrowedMemory, isMappable, PageMemory } from './memory.js';
import { granted, irqName, notPageMemory, SET_IRQS } from './refused.js';
import { openRegions } from './regions.js';

/** What may be said of a device when it is opened. */
export interface KernelOptions {
  /** An open device whose IOMMU mappings this one is to share. */
  readonly beside?: VfioBackend | undefined;
  /** The UUID that a PF and its VFs share. */
  readonly vfToken?: string | undefined;
  /** This process's place at a card that it shares with others. */
  readonly seat?: Seat | undefined;
}

/** The IOMMU as one way of opening reaches it. Errors name its own ioctls. */
export interface Iommu {
  /** Its fds. */
  readonly reach: Omit<Reach, 'device'>;
  /** They may narrow when another device comes to share it. */
  readonly iovaRanges: readonly IovaRange[];
  readonly pageSizes: readonly number[];
  /** Where there is no IOMMU: the address at which the device sees memory. */
  place?(pointer: bigint, size: number, pageSize: number): bigint;
  map(pointer: bigint, size: number, iova: bigint, access: DmaAccess): void;
  unmap(iova: bigint, size: number): void;
  /** The groups that this process has open, by number, with their fds; none where an iommufd proves what is ours. */
  readonly groups: ReadonlyMap<number, number>;
  /** After the device's fd was closed. Never throws. */
  close(): void;
}

const ACTION = {
  mask: FLAG.VFIO_IRQ_SET_ACTION_MASK,
  unmask: FLAG.VFIO_IRQ_SET_ACTION_UNMASK,
  trigger: FLAG.VFIO_IRQ_SET_ACTION_TRIGGER,
} as const;

export class VfioBackend implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly canReset: boolean;
  readonly fate = new Fate();

  readonly iommu: Iommu;
  readonly dmaPlace?: (memory: DmaMemory) => bigint | undefined;
  readonly #access: RegionAccess;
  /** -1 once closed. */
  #fd: number;
  #vigil: Vigil | undefined;
  readonly #seat: Seat | undefined;
  /** Whose arena its mappings are in: its own, or the one of the device that it shares an IOMMU with. */
  readonly seatOfMaps: Seat | undefined;

  /** Takes the device's fd and the IOMMU over: `close()` closes both. Where it throws, they stay the caller's. */
  constructor(identity: Identity, fd: number, iommu: Iommu, { beside, seat }: KernelOptions = {}) {
    this.spec = identity.spec;
    this.path = identity.path;
    this.driver = identity.driver;
    this.#fd = fd;
    this.iommu = iommu;
    if (iommu.place !== undefined) this.dmaPlace = (memory) => this.#place(memory);
    const bytes = DEVICE_INFO.pack({});
    granted(libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_INFO, bytes), this.path, 'VFIO_DEVICE_GET_INFO');
    const info = DEVICE_INFO.unpack(bytes);
    this.canReset = (info.flags & FLAG.VFIO_DEVICE_FLAGS_RESET) !== 0;
    this.irqs = irqsOf(fd, this.path, info.num_irqs);
    const regions = openRegions(fd, this.path, info.num_regions, mmio());
    this.regions = regions.map((region) => region.info);
    this.#access = new RegionAccess({ ...identity, fate: this.fate }, fd, regions);
    this.#seat = seat;
    this.seatOfMaps = seat ?? beside?.seatOfMaps;
    seat?.begin(this.#reach, iommu.iovaRanges);
  }

  get iovaRanges(): readonly IovaRange[] {
    return this.seatOfMaps?.arena(this.iommu.iovaRanges) ?? this.iommu.iovaRanges;
  }

  /** The other processes that have the card open. */
  get others(): readonly Holder[] {
    return this.#fd < 0 ? [] : (this.#seat?.others ?? []);
  }

  /** The one of them that has its interrupts. */
  get irqHolder(): Holder | undefined {
    return this.#fd < 0 ? undefined : this.#seat?.irqHolder;
  }

  get pageSizes(): readonly number[] {
    return this.iommu.pageSizes;
  }

  read(region: number, offset: number, width: Width): number | bigint {
    return this.#access.read(region, offset, width);
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    this.#access.write(region, offset, width, value);
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    this.#access.readBlock(region, offset, width, into);
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    this.#access.writeBlock(region, offset, width, from);
  }

  dmaAlloc(size: number, pageSize: number): DmaMemory {
    this.#checkOpen('dmaAlloc');
    return new PageMemory(size, pageSize, this.path);
  }

  dmaAdopt(bytes: Uint8Array): DmaMemory {
    this.#checkOpen('dmaAdopt');
    return new BorrowedMemory(bytes, this.path);
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    this.#checkOpen('dmaMap');
    if (!isMappable(memory)) throw notPageMemory(this.path);
    this.iommu.map(memory.pointer, memory.size, iova, access);
  }

  dmaUnmap(iova: bigint, size: number): void {
    // Also of a card that was taken away: its memory is still pinned.
    if (this.#fd < 0) throw closed(this, 'dmaUnmap');
    this.iommu.unmap(iova, size);
  }

  eventfd(): KernelEventfd {
    this.#checkOpen('eventfd');
    return new KernelEventfd();
  }

  watch(onBlow: (blow: Blow, at: number) => void): void {
    this.#checkOpen('watch');
    const holdings = { device: this.#fd, mappings: this.#access.mappings };
    const follows = this.#seat?.handed !== undefined;
    const share = this.#seat?.share(this.#reach, this.iommu.iovaRanges);
    this.#vigil = new Vigil({ backend: this, fate: this.fate, holdings, follows, share }, onBlow);
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    this.#checkOpen('setIrqs');
    if (this.#seat) this.#seat.withIrqs(this.#fd, index, action, data, () => this.#setIrqs(index, action, start, data));
    else this.#setIrqs(index, action, start, data);
  }

  #setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    const { flag, count, tail } = irqData(data);
    const bytes = IRQ_SET.pack({ flags: ACTION[action] | flag, index, start, count }, tail);
    const result = libc().ioctl(this.#fd, IOCTL.VFIO_DEVICE_SET_IRQS, bytes);
    const path = `${this.path}/${irqName(index)}`;
    const attempted = `VFIO_DEVICE_SET_IRQS (${action})`;
    if (result > 0) {
      const reason = `the kernel has ${result} vectors left for it, ${count} were asked for`;
      throw new SystemError({ path, attempted, reason, hint: `enable ${result} at most` });
    }
    granted(result, path, attempted, SET_IRQS);
    // The user had ERR or REQ to himself, and gives it back.
    if (action === 'trigger' && count === 0) this.#vigil?.rearm(index);
  }

  reset(): void {
    this.#checkOpen('reset');
    granted(libc().ioctl(this.#fd, IOCTL.VFIO_DEVICE_RESET, 0), this.path, 'VFIO_DEVICE_RESET', {
      EINVAL: ['the device has no reset of its own', 'behind a root port of its own it could be reset through the bus'],
      ENOTTY: ['the device has no reset of its own', 'unbind it and bind it again, or power the slot off and on'],
      EAGAIN: ['the device, or one beside it, is busy', 'try again'],
    });
  }

  hotResetMembers(): readonly HotResetMember[] {
    this.#checkOpen('hotResetMembers');
    return hotResetMembers(this.#fd, this.path, this.iommu.groups);
  }

  hotReset(): void {
    this.#checkOpen('hotReset');
    hotReset(this.#fd, this.path, this.iommu.groups);
  }

  features(): readonly Feature[] {
    this.#checkOpen('features');
    return featuresOf(this.#fd);
  }

  lowPower(on: boolean): void {
    this.#checkOpen('lowPower');
    setFeature(this.#fd, this.path, `VFIO_DEVICE_FEATURE_LOW_POWER_${on ? 'ENTRY' : 'EXIT'}`, new Uint8Array(0), {
      EINVAL: ['the device is in low power already', 'dev.lowPower(false) takes it out'],
    });
  }

  close(): void {
    if (this.#fd < 0) return;
    if (!this.fate.lost) this.#seat?.clean(this.#reach, this.iommu.iovaRanges);
    this.#vigil?.end();
    const fd = this.#fd;
    this.#fd = -1;
    this.#access.close();
    libc().close(fd);
    this.iommu.close();
    this.#seat?.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #place(memory: DmaMemory): bigint | undefined {
    this.#checkOpen('dmaPlace');
    if (!isMappable(memory)) throw notPageMemory(this.path);
    return this.iommu.place?.(memory.pointer, memory.size, memory.pageSize);
  }

  get #reach(): Reach {
    return { ...this.iommu.reach, device: this.#fd };
  }

  #checkOpen(attempted: string): void {
    if (this.#fd < 0 || this.fate.lost) throw closed(this, attempted);
  }
}

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
    granted(result, `${path}/${name}`, 'VFIO_DEVICE_GET_IRQ_INFO');
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

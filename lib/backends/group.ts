/**
 * A device by way of its IOMMU group: VFIO's legacy path, which every distribution's kernel has.
 *
 * Ref: Documentation/driver-api/vfio.rst, include/uapi/linux/vfio.h
 */
import type { DmaAccess, IovaRange } from '../backend.js';
import { UsageError } from '../errors.js';
import { libc } from '../native.js';
import type { Reach } from '../share/sharer.js';
import * as uapi from '../uapi.js';
import { allUnmapped, BESIDE_HINT, granted, mapDma, UNMAP_DMA } from './refused.js';
import { addToContainer, checkViable, deviceFd, openContainer, openNode, setIommu } from './steps.js';
import { requireVfioDevice } from './sysfs.js';
import { checkVfToken } from './vf-token.js';
import { type Iommu, type KernelOptions, VfioBackend } from './vfio.js';

const { FLAG, IOCTL, IOMMU_INFO } = uapi;

/**
 * Opens `bdf`, bound to vfio-pci, through its group. Inert: no bus mastering, no reset, no DMA map, no interrupt.
 *
 * @throws UsageError for a malformed BDF; SystemError with the step, the ioctl, its errno and the next command otherwise.
 * @example openGroup('0000:01:00.0')
 */
export function openGroup(bdf: string, options: KernelOptions = {}): VfioBackend {
  const { group, driver } = requireVfioDevice(bdf);
  const { beside, seat, vfToken } = options;
  if (vfToken !== undefined) checkVfToken(bdf, vfToken);
  const container = beside === undefined ? new Container(bdf, seat?.handed?.iommu) : containerOf(bdf, beside);
  const groupFd = container.enter(bdf, group, seat?.handed?.group);
  let device: number | undefined;
  try {
    device = deviceFd(bdf, groupFd, options.vfToken);
    const identity = { spec: `group:${bdf}`, path: bdf, driver: `${driver}, group ${group}` };
    return new VfioBackend(identity, device, new GroupIommu(bdf, container, group), options);
  } catch (error) {
    if (device !== undefined) libc().close(device);
    container.leave(group);
    throw error;
  }
}

function containerOf(bdf: string, beside: VfioBackend): Container {
  if (beside.iommu instanceof GroupIommu) return beside.iommu.container;
  const reason = `${beside.spec} is not reached through a group`;
  throw new UsageError({ path: bdf, attempted: 'open', reason, hint: BESIDE_HINT });
}

/** Every group that this process has open, with its fd: what proves to the kernel that a hot reset hits only what is ours. */
const openGroups = new Map<number, number>();

/** A container and the groups in it, which share its maps. Closing it takes every map with it. */
class Container {
  readonly #fd: number;
  /** By number: the group's fd, and how many devices of it are open. */
  readonly #groups = new Map<number, { readonly fd: number; devices: number }>();
  iovaRanges: readonly IovaRange[] = [];
  pageSizes: readonly number[] = [];

  /** @param handed the fd of a container that another process shares: its IOMMU is set. */
  constructor(bdf: string, handed?: number) {
    this.#fd = handed ?? openContainer(bdf, FLAG.VFIO_TYPE1v2_IOMMU);
  }

  get fd(): number {
    return this.#fd;
  }

  groupFd(group: number): number | undefined {
    return this.#groups.get(group)?.fd;
  }

  /** Takes the group in for one more of its devices; the group's fd. Where it throws and nobody is in, it is closed. */
  enter(bdf: string, group: number, handed?: number): number {
    const member = this.#groups.get(group);
    if (member !== undefined) {
      member.devices++;
      return member.fd;
    }
    let fd: number | undefined;
    try {
      fd = handed ?? openNode(bdf, group);
      if (handed === undefined) {
        checkViable(bdf, group, fd);
        addToContainer(bdf, group, fd, this.#fd);
        if (this.#groups.size === 0) setIommu(bdf, this.#fd, FLAG.VFIO_TYPE1v2_IOMMU);
      }
      this.#learn(bdf);
    } catch (error) {
      if (fd !== undefined) libc().close(fd);
      if (this.#groups.size === 0) libc().close(this.#fd);
      throw error;
    }
    this.#groups.set(group, { fd, devices: 1 });
    openGroups.set(group, fd);
    return fd;
  }

  /** After the device's fd was closed. With the last device of a group that goes, and with the last group the container. */
  leave(group: number): void {
    const member = this.#groups.get(group);
    if (member === undefined || --member.devices > 0) return;
    this.#groups.delete(group);
    openGroups.delete(group);
    libc().close(member.fd);
    if (this.#groups.size === 0) libc().close(this.#fd);
  }

  /** What the IOMMU maps for all that are in it. */
  #learn(bdf: string): void {
    const attempted = 'step 5, VFIO_IOMMU_GET_INFO';
    let bytes = IOMMU_INFO.pack({});
    granted(libc().ioctl(this.#fd, IOCTL.VFIO_IOMMU_GET_INFO, bytes), bdf, attempted);
    const { argsz } = IOMMU_INFO.unpack(bytes);
    if (argsz > bytes.length) {
      // Capabilities follow that did not fit.
      bytes = IOMMU_INFO.pack({}, new Uint8Array(argsz - bytes.length));
      granted(libc().ioctl(this.#fd, IOCTL.VFIO_IOMMU_GET_INFO, bytes), bdf, attempted);
    }
    this.iovaRanges = iovaRanges(bytes);
    this.pageSizes = pageSizes(IOMMU_INFO.unpack(bytes).iova_pgsizes);
  }

  map(path: string, pointer: bigint, size: number, iova: bigint, access: DmaAccess): void {
    const flags = (access.read ? FLAG.VFIO_DMA_MAP_FLAG_READ : 0) | (access.write ? FLAG.VFIO_DMA_MAP_FLAG_WRITE : 0);
    const bytes = uapi.DMA_MAP.pack({ flags, vaddr: pointer, iova, size: BigInt(size) });
    const result = libc().ioctl(this.#fd, IOCTL.VFIO_IOMMU_MAP_DMA, bytes);
    granted(result, path, 'VFIO_IOMMU_MAP_DMA', mapDma(size, this.iovaRanges));
  }

  unmap(path: string, iova: bigint, size: number): void {
    // No flags: what was READ and WRITE here once now asks for other things.
    const bytes = uapi.DMA_UNMAP.pack({ iova, size: BigInt(size) });
    granted(libc().ioctl(this.#fd, IOCTL.VFIO_IOMMU_UNMAP_DMA, bytes), path, 'VFIO_IOMMU_UNMAP_DMA', UNMAP_DMA);
    allUnmapped(uapi.DMA_UNMAP.unpack(bytes).size, size, path);
  }
}

/** A container as one device reaches it. */
class GroupIommu implements Iommu {
  readonly groups = openGroups;
  readonly container: Container;
  readonly #path: string;
  readonly #group: number;

  constructor(path: string, container: Container, group: number) {
    this.#path = path;
    this.container = container;
    this.#group = group;
  }

  get reach(): Omit<Reach, 'device'> {
    return { way: 'group', iommu: this.container.fd, group: this.container.groupFd(this.#group), ioas: 0 };
  }

  get iovaRanges(): readonly IovaRange[] {
    return this.container.iovaRanges;
  }

  get pageSizes(): readonly number[] {
    return this.container.pageSizes;
  }

  map(pointer: bigint, size: number, iova: bigint, access: DmaAccess): void {
    this.container.map(`${this.#path}/dma@0x${iova.toString(16)}`, pointer, size, iova, access);
  }

  unmap(iova: bigint, size: number): void {
    this.container.unmap(`${this.#path}/dma@0x${iova.toString(16)}`, iova, size);
  }

  close(): void {
    this.container.leave(this.#group);
  }
}

/** What the IOMMU maps. Exported for its test. */
export function iovaRanges(info: Uint8Array): IovaRange[] {
  const { flags, cap_offset } = IOMMU_INFO.unpack(info);
  const first = (flags & FLAG.VFIO_IOMMU_INFO_CAPS) !== 0 ? cap_offset : 0;
  for (const { id, at } of uapi.capabilities(info, first)) {
    if (id !== FLAG.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) continue;
    const { nr_iovas } = uapi.CAP_IOVA_RANGE.unpack(info, at);
    const ranges = uapi.entries(info, at, uapi.CAP_IOVA_RANGE, uapi.IOVA_RANGE, nr_iovas);
    return ranges.map(({ start, end }) => ({ first: start, last: end }));
  }
  // A kernel before 5.4 does not say. What every IOMMU has: 39 bits, less the window of the MSI doorbells.
  return [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
  ];
}

function pageSizes(bitmap: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (bitmap >> BigInt(bit)) & 1n)
    .map((bit) => 2 ** bit);
}

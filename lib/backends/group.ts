/**
 * A device by way of its IOMMU group: VFIO's legacy path, which every distribution's kernel has.
 *
 * The steps are those that DPDK counts: 1 a container, 2 is the device in a group, 3 open the group, 4 is it viable, 5 add it
 * to the container, 7 the device's fd, 8 map its BARs. Step 2 comes first here, since sysfs tells best what is wrong.
 * Steps 6, 9 and 10 (DMA maps, interrupts, bus mastering) are asked for later, each by itself.
 *
 * Ref: Documentation/driver-api/vfio.rst, include/uapi/linux/vfio.h
 */
import type { DmaAccess, IovaRange } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { libc, O_RDWR } from '../native.js';
import type { Reach } from '../share/sharer.js';
import * as uapi from '../uapi.js';
import { allUnmapped, BESIDE_HINT, type Cause, granted, mapDma, notViable, UNMAP_DMA } from './refused.js';
import { bindHint, groupHolders, requireVfioDevice } from './sysfs.js';
import { checkVfToken, tokenNotTaken, tokenRefused } from './vf-token.js';
import { type Iommu, type KernelOptions, VfioBackend } from './vfio.js';

const { FLAG, IOCTL, IOMMU_INFO } = uapi;
const CONTAINER = '/dev/vfio/vfio';

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

/** Step 1. */
function openContainer(bdf: string): number {
  const load: Cause = [`there is no ${CONTAINER}: the kernel's VFIO is not loaded`, 'load it: sudo modprobe vfio-pci'];
  const fd = granted(libc().open(CONTAINER, O_RDWR), bdf, `step 1, open ${CONTAINER}`, {
    ENOENT: load,
    ENODEV: load,
    EACCES: [
      `no permission for ${CONTAINER}`,
      `let everybody open it, it grants nothing by itself: sudo chmod 0666 ${CONTAINER}`,
    ],
  });
  try {
    const version = granted(libc().ioctl(fd, IOCTL.VFIO_GET_API_VERSION, 0), bdf, 'step 1, VFIO_GET_API_VERSION');
    const type1 = libc().ioctl(fd, IOCTL.VFIO_CHECK_EXTENSION, FLAG.VFIO_TYPE1v2_IOMMU);
    if (version !== FLAG.VFIO_API_VERSION || type1 !== 1) {
      const attempted = 'step 1, VFIO_CHECK_EXTENSION';
      const reason = `the kernel offers no type 1 (v2) IOMMU; its VFIO API is version ${version}`;
      throw new SystemError({ path: bdf, attempted, reason, hint: 'load it: sudo modprobe vfio_iommu_type1' });
    }
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** Step 3. */
function openNode(bdf: string, group: number): number {
  const node = `/dev/vfio/${group}`;
  return granted(libc().open(node, O_RDWR), bdf, `step 3, open ${node}`, {
    ENOENT: [
      `there is no ${node}`,
      'a kernel without VFIO_GROUP has the iommufd path only; else: sudo modprobe vfio-pci',
    ],
    EACCES: [`no permission for ${node}`, `take it: sudo chown "$USER" ${node}`],
    EPERM: [`${node} is for privileged processes only (no-IOMMU mode)`, 'boot with an IOMMU enabled: intel_iommu=on'],
    get EBUSY(): Cause {
      return [
        `group ${group} is already open: ${groupHolders(group)}`,
        'one process at a time has a group: close it there first; in one process, a device beside another of its group is ' +
          'opened with { iommuOf: dev }',
      ];
    },
  });
}

/** Step 4. */
function checkViable(bdf: string, group: number, fd: number): void {
  const bytes = uapi.GROUP_STATUS.pack({});
  const attempted = 'step 4, VFIO_GROUP_GET_STATUS';
  granted(libc().ioctl(fd, IOCTL.VFIO_GROUP_GET_STATUS, bytes), bdf, attempted);
  if ((uapi.GROUP_STATUS.unpack(bytes).flags & FLAG.VFIO_GROUP_FLAGS_VIABLE) !== 0) return;
  const [reason, hint] = notViable(bdf, group);
  throw new SystemError({ path: bdf, attempted, reason, hint });
}

/** Step 5. */
function addToContainer(bdf: string, group: number, groupFd: number, container: number): void {
  const argument = new Uint8Array(Int32Array.of(container).buffer);
  granted(libc().ioctl(groupFd, IOCTL.VFIO_GROUP_SET_CONTAINER, argument), bdf, 'step 5, VFIO_GROUP_SET_CONTAINER', {
    get EPERM() {
      return notViable(bdf, group);
    },
    EINVAL: ['the IOMMU behind this device cannot share the other device’s container', 'open it by itself'],
  });
}

/** The IOMMU behind a container, once a group is in it. */
function setIommu(bdf: string, container: number): void {
  granted(libc().ioctl(container, IOCTL.VFIO_SET_IOMMU, FLAG.VFIO_TYPE1v2_IOMMU), bdf, 'step 5, VFIO_SET_IOMMU', {
    EPERM: [
      'the platform has no interrupt remapping, so that a device could forge interrupts',
      'enable it in the firmware (VT-d/AMD-Vi, x2APIC); or accept the risk: ' +
        'echo 1 | sudo tee /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts',
    ],
    ENODEV: ['the IOMMU driver did not take the group', "see the end of the kernel's log: dmesg | tail"],
  });
}

/** Step 7. */
function deviceFd(bdf: string, groupFd: number, token: string | undefined): number {
  const name = new TextEncoder().encode(`${bdf}${token === undefined ? '' : ` vf_token=${token}`}\0`);
  return granted(libc().ioctl(groupFd, IOCTL.VFIO_GROUP_GET_DEVICE_FD, name), bdf, 'step 7, VFIO_GROUP_GET_DEVICE_FD', {
    ENODEV: ['the group has no device of that name', `bind it to vfio-pci: ${bindHint(bdf)}`],
    get EACCES() {
      return tokenRefused(bdf, token);
    },
    get EINVAL() {
      return tokenNotTaken(bdf);
    },
  });
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
    this.#fd = handed ?? openContainer(bdf);
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
        if (this.#groups.size === 0) setIommu(bdf, this.#fd);
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

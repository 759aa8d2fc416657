/**
 * A device by way of its own node and an iommufd: VFIO's path since Linux 6.6. The node is bound to the iommufd, and attached to
 * an I/O address space (IOAS) in it; every device attached to the same one reaches what is mapped there.
 *
 * Ref: Documentation/driver-api/vfio.rst (IOMMUFD and vfio_iommu_type1), Documentation/userspace-api/iommufd.rst
 */
import { accessSync, constants } from 'node:fs';
import type { DmaAccess, IovaRange } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { addressOf, errnoName, libc, O_RDWR } from '../native.js';
import type { Handed } from '../share/seat.js';
import type { Reach } from '../share/sharer.js';
import * as uapi from '../uapi.js';
import { setFeature } from './feature.js';
import { BESIDE_HINT, type Cause, granted, mapDma, notViable, UNMAP_DMA, withoutIommu } from './refused.js';
import { ownNode, groupHolders, groupMembers, physicalFunction, requireVfioDevice } from './sysfs.js';
import { checkVfToken, tokenBytes, tokenRefused } from './vf-token.js';
import { type Iommu, type KernelOptions, VfioBackend } from './vfio.js';

const { FLAG, IOCTL } = uapi;
const IOMMUFD = '/dev/iommu';

/** Whether this process may open `bdf` so: the kernel has the nodes, and their permissions allow it. */
export function iommufdUsable(bdf: string): boolean {
  const node = ownNode(bdf);
  return node !== undefined && [IOMMUFD, node].every(mayOpen);
}

function mayOpen(node: string): boolean {
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens `bdf`, bound to vfio-pci, through its own node. Inert: no bus mastering, no reset, no DMA map, no interrupt.
 *
 * @throws UsageError for a malformed BDF; SystemError with the ioctl, its errno and the next command otherwise.
 * @example openIommufd('0000:01:00.0')
 */
export function openIommufd(bdf: string, options: KernelOptions = {}): VfioBackend {
  const { group, driver } = requireVfioDevice(bdf);
  const { beside, seat, vfToken } = options;
  const { handed } = seat ?? {};
  if (vfToken !== undefined) checkVfToken(bdf, vfToken);
  const ioas = beside === undefined ? new Ioas(bdf, handed) : ioasOf(bdf, beside);
  ioas.enter();
  let device: number | undefined;
  try {
    device = handed?.device ?? openNode(bdf, group);
    const identity = { spec: `iommufd:${bdf}`, path: bdf, driver: `${driver}, iommufd` };
    if (handed === undefined) {
      const devid = bind(bdf, group, device, ioas.fd, vfToken);
      ioas.attach(bdf, device);
      identity.driver += hardware(bdf, ioas.fd, devid);
    }
    ioas.learn(bdf);
    return new VfioBackend(identity, device, new IoasIommu(bdf, ioas), options);
  } catch (error) {
    if (device !== undefined) libc().close(device);
    ioas.leave();
    throw error;
  }
}

function openNode(bdf: string, group: number): number {
  const without = withoutIommu(bdf, group);
  const node = ownNode(bdf);
  if (node === undefined || without !== undefined) {
    const attempted = `/sys/bus/pci/devices/${bdf}/vfio-dev`;
    const [reason, hint] = without ?? [
      'the kernel gives devices no nodes of their own (VFIO_DEVICE_CDEV)',
      `open it through its group: open('group:${bdf}')`,
    ];
    throw new SystemError({ path: bdf, attempted, reason, hint });
  }
  return granted(libc().open(node, O_RDWR), bdf, `open ${node}`, {
    ENOENT: [`there is no ${node}`, 'let udev make it, or by hand: see /sys/class/vfio-dev'],
    EACCES: [`no permission for ${node}`, `take it: sudo chown "$USER" ${node}`],
  });
}

/** The device's id in the iommufd. Exported for its test: kernels differ in where a VF token is told. */
export function bind(bdf: string, group: number, device: number, iommufd: number, token: string | undefined): number {
  const uuid = token === undefined ? undefined : tokenBytes(token);
  let bytes = uapi.BIND_IOMMUFD.pack(
    uuid === undefined
      ? { iommufd }
      : { iommufd, flags: FLAG.VFIO_DEVICE_BIND_FLAG_TOKEN, token_uuid_ptr: BigInt(addressOf(uuid)) },
  );
  let result = libc().ioctl(device, IOCTL.VFIO_DEVICE_BIND_IOMMUFD, bytes);
  // Before 6.18 the kernel takes no token here and asks for none; a PF is then told it as a feature.
  const untold = uuid !== undefined && result < 0 && errnoName(-result) === 'EINVAL';
  if (untold) {
    bytes = uapi.BIND_IOMMUFD.pack({ iommufd });
    const without = libc().ioctl(device, IOCTL.VFIO_DEVICE_BIND_IOMMUFD, bytes);
    // A kernel that asks for a token was told the right one, or it had said so at once: then EINVAL was about something else.
    if (without >= 0 || errnoName(-without) !== 'EACCES') result = without;
  }
  const taken = (): Cause => [
    `it is already open: ${groupHolders(group, 1)}`,
    'one process at a time has it: close it there first',
  ];
  granted(result, bdf, 'VFIO_DEVICE_BIND_IOMMUFD', {
    get EACCES() {
      return tokenRefused(bdf, token);
    },
    get EBUSY() {
      return taken();
    },
    get EINVAL() {
      return taken();
    },
    get EPERM(): Cause {
      if (groupMembers(group).some((member) => member.blocks)) return notViable(bdf, group);
      return [
        'the platform has no interrupt remapping, so that a device could forge interrupts',
        'enable it in the firmware (VT-d/AMD-Vi, x2APIC); or accept the risk: ' +
          'echo 1 | sudo tee /sys/module/iommufd/parameters/allow_unsafe_interrupts',
      ];
    },
  });
  if (untold && physicalFunction(bdf) === undefined) setFeature(device, bdf, 'VFIO_DEVICE_FEATURE_PCI_VF_TOKEN', uuid);
  return uapi.BIND_IOMMUFD.unpack(bytes).out_devid;
}

/** ', VT-d': what the IOMMU says it is. */
function hardware(bdf: string, iommufd: number, devid: number): string {
  const bytes = uapi.HW_INFO.pack({ dev_id: devid });
  const result = libc().ioctl(iommufd, IOCTL.IOMMU_GET_HW_INFO, bytes);
  // An IOMMU driver that cannot tell.
  if (result < 0 && errnoName(-result) === 'EOPNOTSUPP') return '';
  granted(result, bdf, 'IOMMU_GET_HW_INFO');
  const name = HARDWARE[uapi.HW_INFO.unpack(bytes).out_data_type];
  return name === undefined ? '' : `, ${name}`;
}

const HARDWARE: Readonly<Partial<Record<number, string>>> = {
  [FLAG.IOMMU_HW_INFO_TYPE_INTEL_VTD]: 'VT-d',
  [FLAG.IOMMU_HW_INFO_TYPE_ARM_SMMUV3]: 'SMMUv3',
  [FLAG.IOMMU_HW_INFO_TYPE_AMD]: 'AMD-Vi',
};

function ioasOf(bdf: string, beside: VfioBackend): Ioas {
  if (beside.iommu instanceof IoasIommu) return beside.iommu.ioas;
  const reason = `${beside.spec} is not reached through an iommufd`;
  throw new UsageError({ path: bdf, attempted: 'open', reason, hint: BESIDE_HINT });
}

/** An I/O address space in an iommufd of its own. Closing the iommufd takes every map with it. */
class Ioas {
  readonly fd: number;
  readonly id: number;
  #devices = 0;
  /** What all attached devices can be given: each may narrow it. */
  ranges: readonly IovaRange[] = [];
  alignment = 1;

  /** @param handed one that another process shares */
  constructor(bdf: string, handed?: Handed) {
    if (handed !== undefined) {
      this.fd = handed.iommu;
      this.id = handed.ioas;
      return;
    }
    const load: Cause = [
      `there is no ${IOMMUFD}: the kernel's iommufd is not loaded`,
      'load it: sudo modprobe iommufd',
    ];
    this.fd = granted(libc().open(IOMMUFD, O_RDWR), bdf, `open ${IOMMUFD}`, {
      ENOENT: load,
      ENODEV: load,
      EACCES: [`no permission for ${IOMMUFD}`, `take it: sudo chown "$USER" ${IOMMUFD}`],
    });
    try {
      const bytes = uapi.IOAS_ALLOC.pack({});
      granted(libc().ioctl(this.fd, IOCTL.IOMMU_IOAS_ALLOC, bytes), bdf, 'IOMMU_IOAS_ALLOC');
      this.id = uapi.IOAS_ALLOC.unpack(bytes).out_ioas_id;
    } catch (error) {
      libc().close(this.fd);
      throw error;
    }
  }

  enter(): void {
    this.#devices++;
  }

  /** The last one closes it. */
  leave(): void {
    if (--this.#devices === 0) libc().close(this.fd);
  }

  attach(bdf: string, device: number): void {
    const bytes = uapi.ATTACH_IOMMUFD_PT.pack({ pt_id: this.id });
    granted(libc().ioctl(device, IOCTL.VFIO_DEVICE_ATTACH_IOMMUFD_PT, bytes), bdf, 'VFIO_DEVICE_ATTACH_IOMMUFD_PT', {
      EADDRINUSE: [
        'a buffer lies where this device cannot reach',
        'open the devices first, then allocate; or open it by itself',
      ],
      EINVAL: ['the IOMMU behind this device cannot share the other device’s address space', 'open it by itself'],
    });
  }

  /** What can be mapped for all that are attached. */
  learn(bdf: string): void {
    const attempted = 'IOMMU_IOAS_IOVA_RANGES';
    const ask = (room: number): [result: number, told: Uint8Array, ranges: Uint8Array] => {
      const ranges = new Uint8Array(Math.max(room, 1) * uapi.IOAS_RANGE.size);
      const values = { ioas_id: this.id, num_iovas: room, allowed_iovas: BigInt(addressOf(ranges)) };
      const told = uapi.IOAS_IOVA_RANGES.pack(values);
      return [libc().ioctl(this.fd, IOCTL.IOMMU_IOAS_IOVA_RANGES, told), told, ranges];
    };
    let [result, told, ranges] = ask(0);
    if (result < 0 && errnoName(-result) === 'EMSGSIZE') {
      [result, told, ranges] = ask(uapi.IOAS_IOVA_RANGES.unpack(told).num_iovas);
    }
    granted(result, bdf, attempted);
    const { num_iovas, out_iova_alignment } = uapi.IOAS_IOVA_RANGES.unpack(told);
    this.alignment = Number(out_iova_alignment);
    this.ranges = Array.from({ length: num_iovas }, (_, i) => {
      const { start, last } = uapi.IOAS_RANGE.unpack(ranges, i * uapi.IOAS_RANGE.size);
      return { first: start, last };
    });
  }

  map(path: string, pointer: bigint, length: number, iova: bigint, access: DmaAccess): void {
    const flags =
      FLAG.IOMMU_IOAS_MAP_FIXED_IOVA |
      (access.read ? FLAG.IOMMU_IOAS_MAP_READABLE : 0) |
      (access.write ? FLAG.IOMMU_IOAS_MAP_WRITEABLE : 0);
    const bytes = uapi.IOAS_MAP.pack({ flags, ioas_id: this.id, user_va: pointer, length: BigInt(length), iova });
    granted(libc().ioctl(this.fd, IOCTL.IOMMU_IOAS_MAP, bytes), path, 'IOMMU_IOAS_MAP', mapDma(length, this.ranges));
  }

  unmap(path: string, iova: bigint, length: number): void {
    const bytes = uapi.IOAS_UNMAP.pack({ ioas_id: this.id, iova, length: BigInt(length) });
    granted(libc().ioctl(this.fd, IOCTL.IOMMU_IOAS_UNMAP, bytes), path, 'IOMMU_IOAS_UNMAP', {
      ...UNMAP_DMA,
      ENOENT: ['nothing is mapped there, or only a part of it', 'unmap exactly what was mapped, once'],
    });
  }
}

/** An IOAS as one device reaches it. */
class IoasIommu implements Iommu {
  readonly groups: ReadonlyMap<number, number> = new Map();
  readonly ioas: Ioas;
  readonly #path: string;

  constructor(path: string, ioas: Ioas) {
    this.#path = path;
    this.ioas = ioas;
  }

  get reach(): Omit<Reach, 'device'> {
    return { way: 'iommufd', iommu: this.ioas.fd, ioas: this.ioas.id };
  }

  get iovaRanges(): readonly IovaRange[] {
    return this.ioas.ranges;
  }

  /** An IOAS takes memory of any page size. */
  get pageSizes(): readonly number[] {
    return [4096, 2 ** 21, 2 ** 30].filter((size) => size >= this.ioas.alignment);
  }

  map(pointer: bigint, size: number, iova: bigint, access: DmaAccess): void {
    this.ioas.map(`${this.#path}/dma@0x${iova.toString(16)}`, pointer, size, iova, access);
  }

  unmap(iova: bigint, size: number): void {
    this.ioas.unmap(`${this.#path}/dma@0x${iova.toString(16)}`, iova, size);
  }

  close(): void {
    this.ioas.leave();
  }
}

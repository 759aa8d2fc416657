/**
 * The steps to a device by way of its group, as DPDK counts them: 1 a container, 2 is the device in a group, 3 open the group, 4 is it
 * viable, 5 add it to the container, 7 the device's fd, 8 map its BARs. Step 2 comes first, since sysfs tells best what is wrong.
 * Steps 6, 9 and 10 (DMA maps, interrupts, bus mastering) are asked for later, each by itself.
 *
 * Ref: Documentation/driver-api/vfio.rst, include/uapi/linux/vfio.h
 */
import { SystemError } from '../errors.js';
import { libc, O_RDWR } from '../native.js';
import * as uapi from '../uapi.js';
import { type Cause, granted, notViable, withoutIommu } from './refused.js';
import { bindHint, groupHolders } from './sysfs.js';
import { tokenNotTaken, tokenRefused } from './vf-token.js';

const { FLAG, IOCTL } = uapi;
const CONTAINER = '/dev/vfio/vfio';

/** What may stand behind a container: type 1 (v2), or none. */
type IommuType = typeof FLAG.VFIO_TYPE1v2_IOMMU | typeof FLAG.VFIO_NOIOMMU_IOMMU;

const TYPE1: Cause = ['type 1 (v2) IOMMU', 'load it: sudo modprobe vfio_iommu_type1'];
const NOIOMMU: Cause = [
  'no-IOMMU mode',
  'switch it on: echo 1 | sudo tee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode (a kernel with VFIO_NOIOMMU has it), ' +
    'then bind the card anew',
];

/** Step 1. */
export function openContainer(bdf: string, type: IommuType): number {
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
    if (version !== FLAG.VFIO_API_VERSION || libc().ioctl(fd, IOCTL.VFIO_CHECK_EXTENSION, type) !== 1) {
      const attempted = 'step 1, VFIO_CHECK_EXTENSION';
      const [what, hint] = type === FLAG.VFIO_TYPE1v2_IOMMU ? TYPE1 : NOIOMMU;
      const reason = `the kernel offers no ${what}; its VFIO API is version ${version}`;
      throw new SystemError({ path: bdf, attempted, reason, hint });
    }
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** Step 3. */
export function openNode(bdf: string, group: number, prefix: '' | 'noiommu-' = ''): number {
  const node = `/dev/vfio/${prefix}${group}`;
  return granted(libc().open(node, O_RDWR), bdf, `step 3, open ${node}`, {
    get ENOENT(): Cause {
      const without = prefix === '' ? withoutIommu(bdf, group) : undefined;
      return (
        without ?? [
          `there is no ${node}`,
          'a kernel without VFIO_GROUP has the iommufd path only; else: sudo modprobe vfio-pci',
        ]
      );
    },
    EACCES: [`no permission for ${node}`, `take it: sudo chown "$USER" ${node}`],
    EPERM: [`${node} is for privileged processes only (CAP_SYS_RAWIO)`, 'run it as root'],
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
export function checkViable(bdf: string, group: number, fd: number): void {
  const bytes = uapi.GROUP_STATUS.pack({});
  const attempted = 'step 4, VFIO_GROUP_GET_STATUS';
  granted(libc().ioctl(fd, IOCTL.VFIO_GROUP_GET_STATUS, bytes), bdf, attempted);
  if ((uapi.GROUP_STATUS.unpack(bytes).flags & FLAG.VFIO_GROUP_FLAGS_VIABLE) !== 0) return;
  const [reason, hint] = notViable(bdf, group);
  throw new SystemError({ path: bdf, attempted, reason, hint });
}

/** Step 5. */
export function addToContainer(bdf: string, group: number, groupFd: number, container: number): void {
  const argument = new Uint8Array(Int32Array.of(container).buffer);
  granted(libc().ioctl(groupFd, IOCTL.VFIO_GROUP_SET_CONTAINER, argument), bdf, 'step 5, VFIO_GROUP_SET_CONTAINER', {
    get EPERM() {
      return notViable(bdf, group);
    },
    EINVAL: ['the IOMMU behind this device cannot share the other device’s container', 'open it by itself'],
  });
}

/** The IOMMU behind a container, once a group is in it. */
export function setIommu(bdf: string, container: number, type: IommuType): void {
  granted(libc().ioctl(container, IOCTL.VFIO_SET_IOMMU, type), bdf, 'step 5, VFIO_SET_IOMMU', {
    EPERM: [
      'the platform has no interrupt remapping, so that a device could forge interrupts',
      'enable it in the firmware (VT-d/AMD-Vi, x2APIC); or accept the risk: ' +
        'echo 1 | sudo tee /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts',
    ],
    ENODEV: ['the IOMMU driver did not take the group', "see the end of the kernel's log: dmesg | tail"],
  });
}

/** Step 7. */
export function deviceFd(bdf: string, groupFd: number, token: string | undefined): number {
  const name = new TextEncoder().encode(`${bdf}${token === undefined ? '' : ` vf_token=${token}`}\0`);
  return granted(libc().ioctl(groupFd, IOCTL.VFIO_GROUP_GET_DEVICE_FD, name), bdf, 'step 7, VFIO_GROUP_GET_DEVICE_FD', {
    ENODEV: ['the group has no device of that name', `bind it to vfio-pci: ${bindHint(bdf)}`],
    get EACCES() {
      return tokenRefused(bdf, token);
    },
    get EINVAL(): Cause {
      if (token !== undefined) return tokenNotTaken(bdf);
      return ['the group is in no container that has an IOMMU', 'close the device, and open it again'];
    },
  });
}

/**
 * IOMMU groups: who shares one, and whose driver keeps it from being viable.
 *
 * Ref: Linux Documentation/driver-api/vfio.rst, Documentation/ABI/testing/sysfs-kernel-iommu_groups
 */
import { HOST, type Host } from './host.js';

export const DEVICES = '/sys/bus/pci/devices';

export interface GroupMember {
  readonly bdf: string;
  readonly driver: string | undefined;
  /** Its driver keeps the group from being viable. */
  readonly blocks: boolean;
}

/** Whether a driver is vfio-pci, or one of the kernel's variants of it for single vendors. */
export const isVfioDriver = (driver: string | undefined): boolean => /(^|[-_])vfio[-_]pci$/.test(driver ?? '');

/** The drivers that may keep a member: they do no DMA of their own. Ref: driver_managed_dma in drivers/pci */
const HARMLESS = ['pci-stub', 'pcieport', 'shpchp'];

/** Whether a group with a member on this driver cannot be viable. */
export const blocks = (driver: string | undefined): boolean =>
  driver !== undefined && !isVfioDriver(driver) && !HARMLESS.includes(driver);

/** The driver that has a device. */
export const driverOf = (bdf: string, host: Host = HOST): string | undefined => host.name(`${DEVICES}/${bdf}/driver`);

/** The number of a device's group; undefined where no IOMMU has the device. */
export function groupOf(bdf: string, host: Host = HOST): number | undefined {
  const name = host.name(`${DEVICES}/${bdf}/iommu_group`);
  return name === undefined ? undefined : Number(name);
}

/** All members of a group, those that are no PCI functions too. */
export function groupMembers(group: number, host: Host = HOST): GroupMember[] {
  const folder = `/sys/kernel/iommu_groups/${group}/devices`;
  return host.names(folder).map((bdf) => {
    const driver = host.name(`${folder}/${bdf}/driver`);
    return { bdf, driver, blocks: blocks(driver) };
  });
}

/**
 * The device's own node, of the iommufd path; undefined where the kernel has none for it. One whose name begins with noiommu-, as Linux 7.3
 * makes them in no-IOMMU mode, is not meant: what is mapped there protects nothing.
 */
export function ownNode(bdf: string, host: Host = HOST): string | undefined {
  const [name] = host.names(`${DEVICES}/${bdf}/vfio-dev`);
  return name === undefined || name.startsWith('noiommu-') ? undefined : `/dev/vfio/devices/${name}`;
}

/** The nodes that `open()` uses for a device, as far as they are there: the group's, and the device's own of the iommufd path. */
export function nodesOf(bdf: string, host: Host = HOST): { readonly group?: string; readonly device?: string } {
  const group = groupOf(bdf, host);
  const own = ownNode(bdf, host);
  const found = (path: string) => host.exists(path);
  const groupNode = `/dev/vfio/${group}`;
  return {
    ...(group !== undefined && found(groupNode) && { group: groupNode }),
    ...(own !== undefined && found(own) && { device: own }),
  };
}

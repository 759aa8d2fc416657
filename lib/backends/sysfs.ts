/**
 * What sysfs and procfs tell of a device before it is opened: is it there, who drives it, which group, who has it open.
 * Reads only.
 *
 * Ref: Documentation/ABI/testing/sysfs-bus-pci, sysfs-kernel-iommu_groups
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { SystemError, UsageError } from '../errors.js';

const DEVICES = '/sys/bus/pci/devices';
/** Domains have four digits and more: 10001:80:05.0. */
const BDF = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;
/** vfio-pci, and the kernel's variants of it for single vendors. */
const VFIO_DRIVER = /(^|[-_])vfio[-_]pci$/;

export interface GroupMember {
  readonly bdf: string;
  readonly driver: string | undefined;
  /** Its driver keeps the group from being viable. */
  readonly blocks: boolean;
}

/** The command that gives a device to vfio-pci. */
export function bindHint(bdf: string): string {
  const device = `${DEVICES}/${bdf}`;
  const load = existsSync('/sys/bus/pci/drivers/vfio-pci') ? '' : 'modprobe vfio-pci; ';
  const unbind = driverOf(bdf) ? `echo ${bdf} >${device}/driver/unbind; ` : '';
  return `sudo sh -c '${load}echo vfio-pci >${device}/driver_override; ${unbind}echo ${bdf} >/sys/bus/pci/drivers_probe'`;
}

/** Step 2: the device's group and driver. @throws where it is absent, on another driver, or in no group. */
export function requireVfioDevice(bdf: string): { group: number; driver: string } {
  if (!BDF.test(bdf)) {
    const reason = `'${bdf}' is not a BDF`;
    throw new UsageError({ path: bdf, attempted: 'open', reason, hint: 'write it as lspci -D does: 0000:03:00.0' });
  }
  const device = `${DEVICES}/${bdf}`;
  const attempted = `step 2, ${device}`;
  const refusal = (reason: string, hint: string, errno?: string) =>
    new SystemError({ path: bdf, attempted, reason, errno, hint });
  if (!existsSync(device)) {
    throw refusal(
      'there is no such device',
      'see what there is: lspci -D; look again: echo 1 | sudo tee /sys/bus/pci/rescan',
      'ENOENT',
    );
  }
  // The group before the driver: without an IOMMU vfio-pci takes no device.
  const group = link(`${device}/iommu_group`);
  if (group === undefined) {
    throw refusal(
      'the device is in no IOMMU group',
      'enable the IOMMU in the firmware (VT-d, AMD-Vi) and on the kernel command line: intel_iommu=on; then: dmesg | grep -e DMAR -e AMD-Vi',
    );
  }
  const driver = driverOf(bdf);
  if (driver === undefined) throw refusal('no driver has the device', `bind it to vfio-pci: ${bindHint(bdf)}`);
  if (!VFIO_DRIVER.test(driver)) {
    throw refusal(`the driver ${driver} has the device`, `bind it to vfio-pci: ${bindHint(bdf)}`);
  }
  return { group: Number(group), driver };
}

export function groupMembers(group: number): GroupMember[] {
  return readdirSync(`/sys/kernel/iommu_groups/${group}/devices`).map((bdf) => {
    const driver = driverOf(bdf);
    // Ref: vfio_dev_driver_allowed() in drivers/vfio/group.c: no driver, a stub, a bridge's.
    const allowed = driver === undefined || VFIO_DRIVER.test(driver) || ['pci-stub', 'pcieport'].includes(driver);
    return { bdf, driver, blocks: !allowed };
  });
}

export function groupOf(bdf: string): number | undefined {
  const group = link(`${DEVICES}/${bdf}/iommu_group`);
  return group === undefined ? undefined : Number(group);
}

/** The PF that a VF belongs to; undefined where the device is no VF. */
export const physicalFunction = (bdf: string): string | undefined => link(`${DEVICES}/${bdf}/physfn`);

/** How many VFs a PF can have; undefined where the device is no PF. */
export function virtualFunctions(bdf: string): number | undefined {
  try {
    return Number(readFileSync(`${DEVICES}/${bdf}/sriov_totalvfs`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The device's own node; undefined where the kernel has none for it. */
export function cdevNode(bdf: string): string | undefined {
  try {
    const [name] = readdirSync(`${DEVICES}/${bdf}/vfio-dev`);
    return name === undefined ? undefined : `/dev/vfio/devices/${name}`;
  } catch {
    return undefined;
  }
}

/** Who has a group open, or one of its devices by their own nodes. */
export function groupHolders(group: number): string {
  const nodes = groupMembers(group).map(({ bdf }) => cdevNode(bdf));
  return holders([`/dev/vfio/${group}`, ...nodes.filter((node) => node !== undefined)]);
}

/** Who has one of these nodes open, as far as /proc shows it. */
function holders(nodes: readonly string[]): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && holds(name, nodes));
  if (pids.length === 0) return 'by a process that cannot be seen from here (sudo fuser -v would tell)';
  return pids
    .map((pid) => (Number(pid) === process.pid ? 'by this process' : `by process ${pid} (${command(pid)})`))
    .join(', ');
}

function holds(pid: string, nodes: readonly string[]): boolean {
  try {
    const files = readdirSync(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`, false));
    return files.some((file) => file !== undefined && nodes.includes(file));
  } catch {
    // Somebody else's process, or one that just ended.
    return false;
  }
}

function command(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'ended';
  }
}

const driverOf = (bdf: string): string | undefined => link(`${DEVICES}/${bdf}/driver`);

/** Where a symbolic link points, its last part alone where `last`; undefined where there is none. */
function link(path: string, last = true): string | undefined {
  try {
    const target = readlinkSync(path);
    return last ? basename(target) : target;
  } catch {
    return undefined;
  }
}

/**
 * What sysfs and procfs tell a backend of a device before it opens it: is it there, who drives it, which group, who has it open. lib/host
 * reads; here it becomes the reasons and hints of errors.
 *
 * Ref: Documentation/ABI/testing/sysfs-bus-pci, sysfs-kernel-iommu_groups
 */
import { SystemError, UsageError } from '../errors.js';
import { DEVICES, driverOf, groupMembers, groupOf, isVfioDriver, ownNode } from '../host/group.js';
import { holdersOf } from '../host/holders.js';
import { HOST } from '../host/host.js';

export { driverOf, type GroupMember, groupMembers, groupOf, isVfioDriver, ownNode } from '../host/group.js';

/** Domains have four digits and more: 10001:80:05.0. */
const BDF = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

/** The command that gives a device to vfio-pci, for those who have nothing but a shell; `vfiolab bind` does more. */
export function bindHint(bdf: string): string {
  const device = `${DEVICES}/${bdf}`;
  const load = HOST.exists('/sys/bus/pci/drivers/vfio-pci') ? '' : 'modprobe vfio-pci; ';
  const unbind = driverOf(bdf) ? `echo ${bdf} >${device}/driver/unbind; ` : '';
  return `sudo sh -c '${load}echo vfio-pci >${device}/driver_override; ${unbind}echo ${bdf} >/sys/bus/pci/drivers_probe'`;
}

const NO_IOMMU =
  'enable the IOMMU in the firmware (VT-d, AMD-Vi) and on the kernel command line: intel_iommu=on; vfiolab doctor tells what this machine needs';

/** Step 2: the device's group and driver. @throws where it is absent, on another driver, or in no group. */
export function requireVfioDevice(bdf: string, noGroup: string = NO_IOMMU): { group: number; driver: string } {
  if (!BDF.test(bdf)) {
    const reason = `'${bdf}' is not a BDF`;
    throw new UsageError({ path: bdf, attempted: 'open', reason, hint: 'write it as lspci -D does: 0000:03:00.0' });
  }
  const device = `${DEVICES}/${bdf}`;
  const attempted = `step 2, ${device}`;
  const refusal = (reason: string, hint: string, errno?: string) =>
    new SystemError({ path: bdf, attempted, reason, errno, hint });
  if (!HOST.exists(device)) {
    throw refusal(
      'there is no such device',
      'see what there is: lspci -D; look again: echo 1 | sudo tee /sys/bus/pci/rescan',
      'ENOENT',
    );
  }
  // The group before the driver: without an IOMMU vfio-pci takes no device.
  const group = groupOf(bdf);
  if (group === undefined) {
    throw refusal('the device is in no IOMMU group', noGroup);
  }
  const driver = driverOf(bdf);
  if (driver === undefined) throw refusal('no driver has the device', `bind it to vfio-pci: ${bindHint(bdf)}`);
  if (!isVfioDriver(driver)) {
    throw refusal(`the driver ${driver} has the device`, `bind it to vfio-pci: ${bindHint(bdf)}`);
  }
  return { group, driver };
}

/** The PF that a VF belongs to; undefined where the device is no VF. */
export const physicalFunction = (bdf: string): string | undefined => HOST.name(`${DEVICES}/${bdf}/physfn`);

/** How many VFs a PF can have; undefined where the device is no PF. */
export const virtualFunctions = (bdf: string): number | undefined => HOST.number(`${DEVICES}/${bdf}/sriov_totalvfs`);

/** More of a command line only hides the rest of a message. */
const COMMAND_AT_MOST = 60;

/** Who has a group open, or one of its devices by their own nodes. The asker itself has `own` of them open, to ask. */
export const groupHolders = (group: number, own = 0): string =>
  openBy(group, own) ?? 'by a process that cannot be seen from here (sudo fuser -v would tell)';

/** The same; undefined where nobody is seen. */
export function openBy(group: number, own = 0): string | undefined {
  const nodes = groupMembers(group).map(({ bdf }) => ownNode(bdf));
  const holders = holdersOf([`/dev/vfio/${group}`, ...nodes.filter((node) => node !== undefined)]).filter(
    ({ pid, count }) => pid !== process.pid || count > own,
  );
  if (holders.length === 0) return undefined;
  const name = (command: string): string => {
    const line = command.replace(/\s+/g, ' ');
    return line.length > COMMAND_AT_MOST ? `${line.slice(0, COMMAND_AT_MOST - 1)}…` : line;
  };
  return holders
    .map(({ pid, command }) => (pid === process.pid ? 'by this process' : `by process ${pid} (${name(command)})`))
    .join(', ');
}

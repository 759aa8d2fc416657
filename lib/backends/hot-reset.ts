/**
 * The hot reset of a slot or bus: who is hit by it, and doing it. The kernel does it only where all of them are its caller's, who
 * proves that with fds of their groups, or by having them all in one iommufd.
 *
 * Ref: include/uapi/linux/vfio.h, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO and VFIO_DEVICE_PCI_HOT_RESET
 */
import type { HotResetMember } from '../backend.js';
import { SystemError } from '../errors.js';
import { errnoName, libc } from '../native.js';
import * as uapi from '../uapi.js';
import { type Causes, granted } from './refused.js';
import { bindHint, driverOf, groupOf, isVfioDriver, openBy, physicalFunction } from './sysfs.js';

const { FLAG, IOCTL, HOT_RESET_INFO, HOT_RESET_DEVICE } = uapi;

const CAUSES: Causes = {
  ENODEV: [
    'neither the slot nor the bus of this device can be reset',
    'dev.reset() resets the device alone, where it can',
  ],
  EINVAL: ['a device that would be reset too is not bound to vfio-pci', 'dev.hotResetDevices() lists them: bind each'],
  ENOTTY: [
    'the reset was made, and the link did not come up again in time',
    "read dev.config: all-ones say that the device is gone; and see the end of the kernel's log: dmesg | tail",
  ],
  EPERM: ['a device that would be reset too is somebody else’s', 'dev.hotResetDevices() lists them'],
};

/** All functions that a hot reset of this one resets, itself among them. `groups`: those that this process has open, and their fds. */
export function hotResetMembers(fd: number, path: string, groups: ReadonlyMap<number, number>): HotResetMember[] {
  const attempted = 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO';
  let bytes = HOT_RESET_INFO.pack({});
  let result = libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes);
  if (result < 0 && errnoName(-result) === 'ENOSPC') {
    const { count } = HOT_RESET_INFO.unpack(bytes);
    bytes = HOT_RESET_INFO.pack({}, new Uint8Array(count * HOT_RESET_DEVICE.size));
    result = libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes);
  }
  granted(result, path, attempted, CAUSES);
  const { flags, count } = HOT_RESET_INFO.unpack(bytes);
  const byDevid = (flags & FLAG.VFIO_PCI_HOT_RESET_FLAG_DEV_ID) !== 0;
  return uapi.entries(bytes, 0, HOT_RESET_INFO, HOT_RESET_DEVICE, count).map(({ group_id, segment, bus, devfn }) => {
    const digits = (value: number, length: number) => value.toString(16).padStart(length, '0');
    const bdf = `${digits(segment, 4)}:${digits(bus, 2)}:${digits(devfn >> 3, 2)}.${devfn & 7}`;
    const group = byDevid ? groupOf(bdf) : group_id;
    return { bdf, group, owned: byDevid ? group_id !== NOT_OWNED : groups.has(group_id) };
  });
}

/** Why a device is not this process's, and what makes it so. */
function stateOf({ bdf, group }: HotResetMember): { readonly state: string; readonly cure: string } {
  const driver = driverOf(bdf);
  const beside = `open('${bdf}', { iommuOf: dev })`;
  if (!isVfioDriver(driver)) {
    return {
      state: driver === undefined ? 'no driver has it' : `the driver ${driver} has it`,
      cure: `bind it to vfio-pci, then ${beside}: ${bindHint(bdf)}`,
    };
  }
  const by = group === undefined ? undefined : openBy(group);
  if (by === undefined) return { state: 'not open', cure: beside };
  return { state: `open ${by}`, cure: `close ${bdf} there, then ${beside}` };
}

/** VFIO_PCI_DEVID_NOT_OWNED, as 32 bits without a sign. */
const NOT_OWNED = 0xffff_ffff;

/** Resets them all. @throws SystemError where one of them is not this process's, or the kernel refuses. */
export function hotReset(fd: number, path: string, groups: ReadonlyMap<number, number>): void {
  const members = hotResetMembers(fd, path, groups);
  const refusal = (reason: string, hint: string) => new SystemError({ path, attempted: 'hotReset', reason, hint });
  const list = (of: readonly HotResetMember[]) =>
    of.map(({ bdf, group }) => `${bdf} (group ${group ?? 'none'})`).join(', ');
  const virtual = members.filter(({ bdf }) => physicalFunction(bdf) !== undefined);
  if (virtual.length > 0) {
    const reason = `it would reset a physical function while it has virtual ones: ${list(virtual)}`;
    throw refusal(reason, 'disable them first: enableVfs(bdf, 0)');
  }
  const foreign = members.filter(({ owned }) => !owned);
  if (foreign.length > 0) {
    const states = foreign.map((member) => ({ ...member, ...stateOf(member) }));
    const each = states.map(({ bdf, group, state }) => `${bdf} (group ${group ?? 'none'}, ${state})`);
    const cures = [...new Set(states.map(({ cure }) => cure))];
    const reason = `it would reset what this process has not open beside it: ${each.join(', ')}`;
    throw refusal(reason, `${cures.join('; ')}; dev.hotResetDevices() lists them`);
  }
  const hit = [...groups].filter(([number]) => members.some(({ group }) => group === number));
  const fds = Int32Array.from(hit, ([, groupFd]) => groupFd);
  const bytes = uapi.HOT_RESET.pack({ count: fds.length }, new Uint8Array(fds.buffer));
  granted(libc().ioctl(fd, IOCTL.VFIO_DEVICE_PCI_HOT_RESET, bytes), path, 'VFIO_DEVICE_PCI_HOT_RESET', CAUSES);
}

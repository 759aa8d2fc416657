/**
 * Giving a device to vfio-pci, and back to its own driver: the whole IOMMU group, since VFIO opens nothing of a group that another
 * driver has a part of. What a device was bound to is remembered in a file until it is released: in /run/vfiolab for root, and
 * below $XDG_STATE_HOME for a user who may write to sysfs.
 *
 * Ref: Linux Documentation/ABI/testing/sysfs-bus-pci (driver_override, drivers_probe), Documentation/driver-api/vfio.rst
 */
import { SystemError, UsageError } from '../errors.js';
import { Shown, VIEW, View } from '../view.js';
import { canonicalBdf } from './bdf.js';
import { DEVICES, driverOf, groupMembers, groupOf, isVfioDriver, nodesOf } from './group.js';
import { holdersOf } from './holders.js';
import { HOST, type Host } from './host.js';
import { isBridge } from './list.js';
import { isLoadable } from './modules.js';
import { perform, type Step, shellLine } from './steps.js';
import { usesFinder } from './use.js';

export interface BindOptions {
  /** Writes nothing; `lines` of what comes back says what would be written. */
  readonly dryRun?: boolean;
  /** Who is to own the nodes below /dev/vfio: a name or a number. */
  readonly user?: string;
  readonly group?: string;
  /** Devices that may be taken although the host uses them: their names, once more. */
  readonly inUse?: readonly string[];
}

/** A device that went from one driver to another. */
export interface Move {
  readonly bdf: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What `bind` or `release` did, or would do: lines of shell, in order, and which devices they move. */
export class Change extends Shown {
  readonly moves: readonly Move[];
  /** As root could type them. */
  readonly lines: readonly string[];
  readonly done: boolean;
  /** The nodes that open() uses from now on. */
  readonly nodes: readonly string[];

  constructor(moves: readonly Move[], lines: readonly string[], done: boolean, nodes: readonly string[]) {
    super();
    this.moves = moves;
    this.lines = lines;
    this.done = done;
    this.nodes = nodes;
  }

  [VIEW](): View {
    if (!this.done) {
      const rows = this.lines.map((line) => [{ text: line, tone: 'name' } as const]);
      return new View(rows.length > 0 ? 'would be done, as root:' : 'nothing to do', [], rows);
    }
    const rows = this.moves.map(({ bdf, from, to }) => [
      { text: bdf, tone: 'name' } as const,
      from ?? 'no driver',
      '→',
      { text: to ?? 'no driver', tone: 'good' } as const,
    ]);
    const nodes = this.nodes.map((node) => [{ text: node, tone: 'dim' } as const]);
    return new View(rows.length > 0 ? '' : 'nothing to do', [], [...rows, ...nodes]);
  }
}

/** The steps that give one device to vfio-pci. Writing drivers_probe succeeds even where the probe does not: look at the link. */
export function takeSteps(bdf: string, host: Host, folder: string = STATE): Step[] {
  const device = `${DEVICES}/${bdf}`;
  const driver = driverOf(bdf, host);
  const override = host.text(`${device}/driver_override`)?.replace('(null)', '') ?? '';
  return [
    { write: `${folder}/${bdf}`, text: [driver ?? '', override].join(' ').trim(), folders: true },
    { write: `${device}/driver_override`, text: 'vfio-pci' },
    ...(driver === undefined ? [] : [{ write: `${device}/driver/unbind`, text: bdf }]),
    { write: PROBE, text: bdf },
  ];
}

/** The steps before that: the driver itself. @throws SystemError where this kernel has none. */
export function loadSteps(bdf: string, host: Host): Step[] {
  if (host.exists('/sys/bus/pci/drivers/vfio-pci')) return [];
  if (isLoadable('vfio-pci', host)) return [{ run: ['modprobe', 'vfio-pci'] }];
  throw new SystemError({
    path: bdf,
    attempted: 'modprobe vfio-pci',
    reason: 'this kernel has no vfio-pci, neither built in nor as a module',
    hint: 'boot a kernel with CONFIG_VFIO_PCI: kernels for clouds leave it out (Debian: apt-get install linux-image-amd64)',
  });
}

/** The steps after it: whose the nodes are. */
export function ownSteps(bdf: string, host: Host, user = '', group = ''): Step[] {
  if (user === '' && group === '') return [];
  const owner = group === '' ? user : `${user}:${group}`;
  const chown = (node: string) => `[ ! -e ${node} ] || chown ${owner} ${node}`;
  const own = `for own in $(ls ${DEVICES}/${bdf}/vfio-dev); do ${chown('/dev/vfio/devices/$own')}; done`;
  return [
    // It would give a new node to root once more, a moment later.
    ...(host.exists('/run/udev/control') ? [{ run: ['udevadm', 'settle'] }] : []),
    { run: ['sh', '-c', chown(`/dev/vfio/${groupOf(bdf, host)}`)] },
    { run: ['sh', '-c', own] },
  ];
}

/** Where root remembers drivers; gone after a reboot, as driver_override is. */
export const STATE = '/run/vfiolab/drivers';
const PROBE = '/sys/bus/pci/drivers_probe';

/** What a device was before `bind`: its driver ('' for none), and what driver_override said. In the file: both, a blank between. */
interface Memory {
  readonly driver: string;
  readonly override: string;
}

const stateFolder = (host: Host): string =>
  host.isRoot ? STATE : `${process.env.XDG_STATE_HOME || `${process.env.HOME ?? ''}/.local/state`}/vfiolab/drivers`;

/**
 * Gives a device to vfio-pci, and with it the members of its IOMMU group that a driver has: a group is opened whole. Their drivers are
 * remembered for `release`. Where vfio-pci does not take a device, all is put back as it was.
 *
 * @throws UsageError before anything is written: a bridge, a disk or a network card that the host uses (unless `inUse` names
 * it), a malformed BDF; SystemError where the device is absent, in no IOMMU group, or the kernel refuses.
 * @example bind('0000:03:00.0', { dryRun: true, user: 'alice' })
 */
export function bind(bdfs: string | readonly string[], options: BindOptions = {}, host: Host = HOST): Change {
  const asked = [bdfs].flat().map((bdf) => canonicalBdf(bdf, 'bind'));
  for (const name of [options.user, options.group]) checkName(name);
  const named = (options.inUse ?? []).map((bdf) => canonicalBdf(bdf, 'bind'));
  const known = usesFinder(host);
  const uses = (bdf: string) => (named.includes(bdf) ? [] : known(bdf));
  const targets = [...new Set(asked.flatMap((bdf) => checked(bdf, host, uses)))];
  const taken = targets.filter((bdf) => !isVfioDriver(driverOf(bdf, host)));
  const moves = taken.map((bdf): Move => ({ bdf, from: driverOf(bdf, host), to: 'vfio-pci' }));

  const folder = options.dryRun ? STATE : stateFolder(host);
  const load = taken[0] === undefined ? [] : loadSteps(taken[0], host);
  const take = taken.map((bdf) => [bdf, takeSteps(bdf, host, folder)] as const);
  const own = targets.map((bdf) => [bdf, ownSteps(bdf, host, options.user, options.group)] as const);
  const all = [...load, ...[...take, ...own].flatMap(([, steps]) => steps)];
  // The group's node once, however many of its members there are.
  const lines = [...new Set(all.map(shellLine))];
  if (options.dryRun) return new Change(moves, lines, false, []);

  for (const step of load) perform(step, taken[0] ?? '', host);
  const begun: string[] = [];
  try {
    for (const [bdf, steps] of take) {
      begun.unshift(bdf);
      takeOne(bdf, steps, host);
    }
  } catch (error) {
    for (const bdf of begun) putBack(bdf, host);
    throw error;
  }
  for (const [bdf, steps] of own) for (const step of steps) perform(step, bdf, host);
  return new Change(moves, lines, true, nodes(targets, host));
}

/** Gives one device to vfio-pci, and looks whether it came there. */
function takeOne(bdf: string, steps: readonly Step[], host: Host): void {
  for (const step of steps) {
    try {
      perform(step, bdf, host);
    } catch (error) {
      // The driver left by itself in the meantime: that is what unbinding is for.
      const gone = 'write' in step && step.write.endsWith('/unbind') && driverOf(bdf, host) === undefined;
      if (!gone || !host.exists(`${DEVICES}/${bdf}`)) throw error;
    }
  }
  const driver = driverOf(bdf, host);
  if (isVfioDriver(driver)) return;
  throw new SystemError({
    path: bdf,
    attempted: shellLine({ write: PROBE, text: bdf }),
    reason: `vfio-pci did not take the device: ${driver === undefined ? 'no driver' : `the driver ${driver}`} has it`,
    hint: `all is as it was; the kernel's log says why: dmesg | grep -e vfio -e ${bdf}`,
  });
}

/** After a failure: as found, as far as that goes. */
function putBack(bdf: string, host: Host): void {
  for (const step of giveSteps(bdf, memoryOf(bdf, host), host)) {
    try {
      perform(step, bdf, host);
    } catch {
      // The first error is the one to tell.
    }
  }
}

/** The device and those members of its group that must come along, all of them fit to be taken. */
function checked(bdf: string, host: Host, uses: ReturnType<typeof usesFinder>): string[] {
  const device = `${DEVICES}/${bdf}`;
  const refusal = (reason: string, hint: string, path = bdf) =>
    new UsageError({ path, attempted: 'bind', reason, hint });
  if (!host.exists(device)) throw absent(bdf, 'bind');
  if (isBridge({ class: host.number(`${device}/class`) ?? 0 }))
    throw refusal(
      'it is a bridge, and what is behind it would go with it',
      'VFIO is for the devices behind it: vfiolab list',
    );
  const group = groupOf(bdf, host);
  if (group === undefined) {
    const hint = 'vfiolab doctor tells how to turn the IOMMU on';
    throw new SystemError({ path: bdf, attempted: 'bind', reason: 'the device is in no IOMMU group', hint });
  }
  const targets = [
    bdf,
    ...groupMembers(group, host)
      .filter((member) => member.blocks && member.bdf !== bdf)
      .map((m) => m.bdf),
  ];
  for (const target of targets) {
    const found = uses(target);
    if (found.length === 0 || isVfioDriver(driverOf(target, host))) continue;
    const end = found.flatMap((use) => use.end ?? []);
    const member = target === bdf ? '' : ` (in one IOMMU group with ${bdf})`;
    const first = end.length > 0 ? `end that first: ${end.join('; ')}; or ` : '';
    throw refusal(
      `the host is using it${member}: ${found.map((use) => use.what).join(', ')}`,
      `${first}take it all the same: --in-use ${target}`,
      target,
    );
  }
  return targets;
}

/**
 * Gives a device back to the driver that it had before `bind`, and with it those members of its IOMMU group that were bound with it.
 * Without a memory of one the kernel chooses, as for a new device. Nothing happens to a device that vfio-pci does not have.
 *
 * @throws SystemError where a process has it open, or the driver does not take it back; UsageError for a malformed BDF.
 * @example release('0000:03:00.0')
 */
export function release(
  bdfs: string | readonly string[],
  options: Pick<BindOptions, 'dryRun'> = {},
  host: Host = HOST,
): Change {
  const asked = [bdfs].flat().map((bdf) => canonicalBdf(bdf, 'release'));
  for (const bdf of asked) if (!host.exists(`${DEVICES}/${bdf}`)) throw absent(bdf, 'release');
  const targets = [...new Set(asked.flatMap((bdf) => [bdf, ...companions(bdf, host)]))];
  const held = targets.filter((bdf) => isVfioDriver(driverOf(bdf, host)));
  for (const bdf of held) checkFree(bdf, host);
  const plans = held.map((bdf) => {
    const memory = memoryOf(bdf, host);
    return { bdf, from: driverOf(bdf, host), remembered: memory?.driver, steps: giveSteps(bdf, memory, host) };
  });
  const lines = plans.flatMap(({ steps }) => steps.map(shellLine));
  if (options.dryRun) {
    const moves = plans.map(({ bdf, from, remembered }) => ({ bdf, from, to: remembered || undefined }));
    return new Change(moves, lines, false, []);
  }
  const moves = plans.map(({ bdf, from, remembered, steps }) => {
    for (const step of steps) perform(step, bdf, host);
    const driver = driverOf(bdf, host);
    if (remembered !== undefined && driver !== (remembered || undefined)) {
      throw new SystemError({
        path: bdf,
        attempted: lines.at(-1) ?? 'release',
        reason: `it had ${remembered || 'no driver'}, and now ${driver ?? 'no driver'} has it`,
        hint: `the kernel's log says why: dmesg | grep ${bdf}`,
      });
    }
    return { bdf, from, to: driver };
  });
  return new Change(moves, lines, true, []);
}

/** From vfio-pci to what it was before; to whichever driver the kernel chooses where nothing is remembered. */
function giveSteps(bdf: string, memory: Memory | undefined, host: Host): Step[] {
  const device = `${DEVICES}/${bdf}`;
  const driver = memory?.driver;
  const absent = driver && !host.exists(`/sys/bus/pci/drivers/${driver}`);
  const loadable = absent && isLoadable(driver, host);
  const known = driver && (!absent || loadable);
  return [
    { write: `${device}/driver_override`, text: memory?.override ?? '' },
    ...(driverOf(bdf, host) === undefined ? [] : [{ write: `${device}/driver/unbind`, text: bdf }]),
    ...(loadable ? [{ run: ['modprobe', driver] }] : []),
    ...(driver === '' ? [] : [{ write: known ? `/sys/bus/pci/drivers/${driver}/bind` : PROBE, text: bdf }]),
    ...statePlaces(host).flatMap((folder) => (host.exists(`${folder}/${bdf}`) ? [{ remove: `${folder}/${bdf}` }] : [])),
  ];
}

const statePlaces = (host: Host): string[] => [...new Set([stateFolder(host), STATE])];

function memoryOf(bdf: string, host: Host): Memory | undefined {
  const texts = statePlaces(host).map((folder) => host.text(`${folder}/${bdf}`));
  const [driver = '', override = ''] = texts.find((text) => text !== undefined)?.split(' ') ?? [];
  return texts.every((text) => text === undefined) ? undefined : { driver, override };
}

/** Members of the group that were bound along with a device. */
function companions(bdf: string, host: Host): string[] {
  const group = groupOf(bdf, host);
  const members = group === undefined ? [] : groupMembers(group, host);
  return members.map((member) => member.bdf).filter((member) => memoryOf(member, host) !== undefined);
}

/** Unbinding a device that a process has open would wait for that process. */
export function checkFree(bdf: string, host: Host, attempted = 'release'): void {
  const holders = holdersOf(Object.values(nodesOf(bdf, host)), host);
  if (holders.length === 0) return;
  throw new SystemError({
    path: bdf,
    attempted,
    reason: `it is open: ${holders.map(({ pid, command }) => `by process ${pid} (${command})`).join(', ')}`,
    errno: 'EBUSY',
    hint: `close it there first, or: kill ${holders.map(({ pid }) => pid).join(' ')}`,
  });
}

const nodes = (bdfs: readonly string[], host: Host): string[] => [
  ...new Set(bdfs.flatMap((bdf) => Object.values(nodesOf(bdf, host)))),
];

function checkName(name: string | undefined): void {
  if (name === undefined || /^[\w.][\w.-]*$/.test(name)) return;
  const hint = 'give a name as /etc/passwd has it, or a number';
  throw new UsageError({ path: `'${name}'`, attempted: 'bind', reason: 'no name of a user or a group', hint });
}

const absent = (bdf: string, attempted: string): SystemError =>
  new SystemError({
    path: bdf,
    attempted,
    reason: 'there is no such device',
    errno: 'ENOENT',
    hint: 'see what there is: vfiolab list; look again: echo 1 | sudo tee /sys/bus/pci/rescan',
  });

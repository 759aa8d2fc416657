/** From a spec to an open Device: the only file that knows all backends. */

import type { Backend } from './backend.js';
import { openDump } from './backends/dump.js';
import { openGroup } from './backends/group.js';
import { iommufdUsable, openIommufd } from './backends/iommufd.js';
import { openNoIommu } from './backends/noiommu.js';
import { record } from './backends/record.js';
import { openReplay } from './backends/replay.js';
import { openSim } from './backends/sim.js';
import { requireVfioDevice } from './backends/sysfs.js';
import { VfioBackend } from './backends/vfio.js';
import { caller } from './caller.js';
import { Device } from './device.js';
import { UsageError } from './errors.js';
import { IovaSpace } from './iova.js';
import { sharesByDefault } from './share/host.js';
import { closeHanded, type Seat, seated } from './share/seat.js';

const BDF = /^(?:(?<domain>[0-9a-f]{4,8}):)?(?<bus>[0-9a-f]{2}):(?<slot>[01][0-9a-f])\.(?<fn>[0-7])$/i;

export interface OpenOptions {
  /**
   * Another open device, whose IOMMU mappings this one shares: one container, or one IOAS. A buffer of either is then at the same IOVA
   * for both. Each device's buffers go with it when it is closed; the other's stay.
   */
  readonly iommuOf?: Device | undefined;
  /**
   * SR-IOV's VF token, a UUID. A physical function (PF) that is opened with one has its virtual functions (VFs) ask for the same. On Linux
   * before 6.18 a VF asks for it only where it is opened through its group.
   */
  readonly vfToken?: string | undefined;
  /**
   * Whether other processes of this user may open the card too while it is open here; one that shares joins one that does. Each has IOVAs
   * of its own, and one at a time has the interrupts. 'join': does not let others in itself, for one short look. Default: true in
   * cells, else false. A simulated card, and one with `iommuOf`, is not shared.
   */
  readonly share?: boolean | 'join' | undefined;
  /**
   * What 'noiommu:BDF' asks for: with bus mastering on, a card without an IOMMU can read and overwrite all of this machine's memory. A
   * buffer is then one page, 4K, 2M or 1G, and its IOVA that page's physical address; turn bus mastering off before freeing it.
   */
  readonly unsafe?: boolean | undefined;
}

/** Opens what stands behind the colon of a spec, beside another device where one is given. */
type Opener = (rest: string, options: OpenerOptions, spec: string) => Backend;

interface OpenerOptions extends OpenOptions {
  readonly beside?: Backend | undefined;
  readonly seat?: Seat | undefined;
}

/** How a device is reached, by what stands before the colon of a spec. */
const SCHEMES: Readonly<Record<string, Opener>> = {
  group: (bdf, { beside, vfToken, seat }, spec) => openGroup(bdf, { beside: kernel(beside, spec), vfToken, seat }),
  iommufd: (bdf, { beside, vfToken, seat }, spec) => openIommufd(bdf, { beside: kernel(beside, spec), vfToken, seat }),
  noiommu: (bdf, { beside, vfToken, unsafe = false }, spec) => {
    if (beside !== undefined) throw notSo(spec, 'without an IOMMU there are no mappings to share', 'leave iommuOf out');
    if (vfToken !== undefined) throw notSo(spec, 'without an IOMMU there is no SR-IOV', 'leave vfToken out');
    return openNoIommu(bdf, unsafe);
  },
  sim: (name, { beside, vfToken }, spec) => {
    if (beside !== undefined) throw notSo(spec, 'a simulated card has an IOMMU of its own', 'leave iommuOf out');
    if (vfToken !== undefined) throw notSo(spec, 'a simulated card has no SR-IOV', 'leave vfToken out');
    return openSim(name);
  },
  dump: (rest, { beside, vfToken }, spec) => {
    if (beside !== undefined) throw notSo(spec, 'a dump has no IOMMU', 'leave iommuOf out');
    if (vfToken !== undefined) throw notSo(spec, 'a dump has no SR-IOV', 'leave vfToken out');
    return openDump(rest);
  },
  replay: (file, { beside, vfToken }, spec) => {
    if (beside !== undefined) throw notSo(spec, 'a recording has no IOMMU', 'leave iommuOf out');
    if (vfToken !== undefined) throw notSo(spec, 'a recording has no SR-IOV', 'leave vfToken out');
    return openReplay(file);
  },
};

/** Of these, what stands behind the colon is a card's BDF. */
const CARDS: readonly string[] = ['group', 'iommufd', 'noiommu'];

/** Why a card that is reached so is not shared with other processes. */
const NOT_SHARED: Readonly<Record<string, string>> = {
  sim: 'a simulated card is a thread of the process that opened it',
  dump: 'a dump is a file',
  replay: 'a recording is a file',
  noiommu: 'without an IOMMU there are no mappings to share',
};

function kernel(beside: Backend | undefined, spec: string): VfioBackend | undefined {
  if (beside === undefined || beside instanceof VfioBackend) return beside;
  throw notSo(spec, `${beside.spec} is not behind an IOMMU of this host`, 'leave iommuOf out');
}

const notSo = (path: string, reason: string, hint: string) => new UsageError({ path, attempted: 'open', reason, hint });

/** Where each device of this process was opened. */
const opened = new Map<string, string>();

/** The devices of this process by the same names, the one opened last at the end: those that are open, and those that were taken away. */
const known = new Map<string, Device>();

/** For who tells of them. */
export const devices = (): readonly Device[] => [...known.values()];

/** What an open device is made of, for those that are opened beside it. */
const parts = new WeakMap<Device, { readonly backend: Backend; readonly space: IovaSpace }>();

/**
 * Opens a device. Opening is inert: no bus mastering, no reset, no DMA map, no interrupt until asked for.
 *
 * @param spec a BDF ('0000:03:00.0', '03:00.0'), which takes the card's own node and an iommufd where the kernel has them and their
 * permissions allow it, else the card's group: `dev.spec` says which. 'iommufd:BDF' and 'group:BDF' (kernel VFIO's legacy path) choose.
 * 'noiommu:BDF' is a card that no IOMMU has, with `unsafe`. 'sim:edu' is the simulated QEMU edu. 'dump:FILE', 'dump:FILE#03:00.0' is the
 * config space of one function out of what lspci -xxxx or `vfiolab dump SPEC config --format lspci` wrote: it can be read, everything
 * else is refused. 'record:FILE#SPEC' is the card SPEC, and writes all that is done with it into FILE, and what it answers; 'replay:FILE'
 * answers so without the card, and refuses what differs. Default: the environment's VFIOLAB_DEVICE, else 'sim:edu'.
 * @throws UsageError for a malformed spec, or a device that this process has open already; SystemError naming the step, the ioctl,
 * its errno and the cure where the kernel refuses.
 * @example const dev = open('0000:03:00.0')
 * @example const other = open('0000:04:00.0', { iommuOf: dev })
 */
export function open(spec: string = process.env.VFIOLAB_DEVICE || 'sim:edu', options: OpenOptions = {}): Device {
  const [of, file] = recorded(spec, options);
  return openInto(file, of, options);
}

function openInto(file: string | undefined, spec: string, options: OpenOptions): Device {
  const beside = options.iommuOf === undefined ? undefined : partsOf(options.iommuOf, spec);
  const [scheme, rest] = parse(spec, beside?.backend);
  const key = CARDS.includes(scheme) ? rest : spec;
  const where = opened.get(key);
  if (where !== undefined) {
    throw new UsageError({
      path: key,
      attempted: 'open',
      reason: `open already${where}`,
      hint: 'close() that one first',
    });
  }
  const build = (how: string, seat?: Seat): Backend =>
    (SCHEMES[how] as Opener)(rest, { ...options, beside: beside?.backend, seat }, spec);
  const share = shared(scheme, options, spec);
  const card = share
    ? seated(rest, requireVfioDevice(rest).group, share !== 'join', (seat) => build(wayOf(seat, scheme, spec), seat))
    : build(scheme);
  const backend = file === undefined ? card : record(file, card);
  try {
    const space = beside?.space ?? new IovaSpace(backend.iovaRanges);
    space.narrow(backend.iovaRanges);
    const device = new Device(backend, space, () => {
      opened.delete(key);
      if (backend.fate?.lost === undefined) known.delete(key);
    });
    opened.set(key, caller());
    known.delete(key);
    known.set(key, device);
    parts.set(device, { backend, space });
    return device;
  } catch (error) {
    backend.close();
    throw error;
  }
}

/** 'record:FILE#SPEC' is another spec, and the file to record into. */
function recorded(asked: unknown, { iommuOf }: OpenOptions): [spec: string, file?: string] {
  if (typeof asked !== 'string' || !asked.startsWith('record:')) return [asked as string];
  const [, file, spec] = /^record:(.+?)#(.+)$/.exec(asked) ?? [];
  if (file === undefined || spec === undefined)
    throw refusal(asked, 'which card is to be recorded, and into which file');
  if (iommuOf !== undefined)
    throw notSo(asked, 'of two cards with one IOMMU neither can be replayed', 'leave iommuOf out');
  return [spec, file];
}

/** What is to be shared: what the options say, else what the process does. */
function shared(scheme: string, { share, iommuOf }: OpenOptions, spec: string): boolean | 'join' {
  const reason = NOT_SHARED[scheme] ?? (iommuOf === undefined ? undefined : 'its IOMMU is of another device');
  if (reason === undefined) return share ?? sharesByDefault();
  if (share !== true) return false;
  throw new UsageError({ path: spec, attempted: 'open, share', reason, hint: 'leave share out' });
}

/** A card that is shared already is reached in the way that it was opened. */
function wayOf({ handed }: Seat, scheme: string, spec: string): string {
  if (handed === undefined || handed.way === scheme) return scheme;
  if (BDF.test(spec)) return handed.way;
  closeHanded(handed);
  const reason = `it is shared, and was opened as ${handed.way}:`;
  throw new UsageError({ path: spec, attempted: 'open, share', reason, hint: 'open it by its plain BDF' });
}

function partsOf(device: Device, spec: string): { backend: Backend; space: IovaSpace } {
  const found = parts.get(device);
  if (found !== undefined && !device.closed) return found;
  const reason = found === undefined ? 'iommuOf is not a device' : `iommuOf: ${device.path} is closed`;
  throw new UsageError({ path: spec, attempted: 'open', reason, hint: 'give a device that open() returned' });
}

/** A plain BDF goes the way of the device that it is to be beside, else the better one that is there. */
function parse(spec: unknown, beside: Backend | undefined): [scheme: string, rest: string] {
  if (typeof spec !== 'string') throw refusal(String(spec), `a ${typeof spec} is no device`);
  if (BDF.test(spec)) {
    const bdf = canonicalBdf(spec);
    const iommufd = beside === undefined ? iommufdUsable(bdf) : beside.spec.startsWith('iommufd:');
    return [iommufd ? 'iommufd' : 'group', bdf];
  }
  const [, scheme, rest] = /^([a-z]+):(.*)$/.exec(spec) ?? [];
  if (scheme !== undefined && rest !== undefined && Object.hasOwn(SCHEMES, scheme)) {
    return [scheme, CARDS.includes(scheme) ? canonicalBdf(rest) : rest];
  }
  throw refusal(spec, scheme !== undefined ? `unknown scheme '${scheme}'` : 'malformed device');
}

const refusal = (spec: string, reason: string) =>
  new UsageError({
    path: spec === '' ? "''" : spec,
    attempted: 'open',
    reason,
    hint: "give a BDF like '0000:03:00.0', 'iommufd:BDF', 'group:BDF', 'sim:edu', 'dump:FILE', 'record:FILE#SPEC' or 'replay:FILE'; `vfiolab list` shows the cards",
  });

/** '3:00.0' is not a BDF, '03:00.0' and '0000:03:00.0' are the same one. */
function canonicalBdf(text: string): string {
  const groups = BDF.exec(text)?.groups;
  if (groups === undefined) throw refusal(text, 'malformed BDF');
  return `${groups.domain ?? '0000'}:${groups.bus}:${groups.slot}.${groups.fn}`.toLowerCase();
}

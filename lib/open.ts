/** From a spec to an open Device: the only file that knows all backends. */

import type { Backend } from './backend.js';
import { openGroup } from './backends/group.js';
import { openSim } from './backends/sim.js';
import { Device } from './device.js';
import { UsageError } from './errors.js';

const BDF = /^(?:(?<domain>[0-9a-f]{4,8}):)?(?<bus>[0-9a-f]{2}):(?<slot>[01][0-9a-f])\.(?<fn>[0-7])$/i;

/** How a device is reached, by what stands before the colon of a spec; a plain BDF is reached through its VFIO group. */
const SCHEMES: Readonly<Record<string, (rest: string) => Backend>> = {
  group: openGroup,
  sim: openSim,
};

/** Where each device of this process was opened. */
const opened = new Map<string, string>();

/**
 * Opens a device. Opening is inert: no bus mastering, no reset, no DMA map, no interrupt until asked for.
 *
 * @param spec a BDF ('0000:03:00.0', '03:00.0'), 'group:BDF' (kernel VFIO through the legacy group), or 'sim:edu' (the simulated
 * QEMU edu). Default: the environment's VFIOLAB_DEVICE, else 'sim:edu'.
 * @throws UsageError for a malformed spec, or a device that this process has open already; SystemError naming the step, the ioctl,
 * its errno and the cure where the kernel refuses.
 * @example const dev = open('0000:03:00.0')
 */
export function open(spec: string = process.env.VFIOLAB_DEVICE || 'sim:edu'): Device {
  const [scheme, rest] = parse(spec);
  const key = scheme === 'group' ? canonicalBdf(rest) : spec;
  const where = opened.get(key);
  if (where !== undefined) {
    throw new UsageError({
      path: key,
      attempted: 'open',
      reason: `open already${where}`,
      hint: 'close() that one first',
    });
  }
  const backend = (SCHEMES[scheme] as (rest: string) => Backend)(rest);
  try {
    const device = new Device(backend, () => opened.delete(key));
    opened.set(key, caller());
    return device;
  } catch (error) {
    backend.close();
    throw error;
  }
}

function parse(spec: unknown): [scheme: string, rest: string] {
  if (typeof spec !== 'string') throw refusal(String(spec), `a ${typeof spec} is no device`);
  if (BDF.test(spec)) return ['group', spec];
  const [, scheme, rest] = /^([a-z]+):(.*)$/.exec(spec) ?? [];
  if (scheme !== undefined && rest !== undefined && Object.hasOwn(SCHEMES, scheme)) {
    return [scheme, scheme === 'group' ? canonicalBdf(rest) : rest];
  }
  throw refusal(spec, scheme !== undefined ? `unknown scheme '${scheme}'` : 'malformed device');
}

const refusal = (spec: string, reason: string) =>
  new UsageError({
    path: spec === '' ? "''" : spec,
    attempted: 'open',
    reason,
    hint: "give a BDF like '0000:03:00.0', 'group:BDF' or 'sim:edu'; `vfiolab list` shows the cards",
  });

/** '3:00.0' is not a BDF, '03:00.0' and '0000:03:00.0' are the same one. */
function canonicalBdf(text: string): string {
  const groups = BDF.exec(text)?.groups;
  if (groups === undefined) throw refusal(text, 'malformed BDF');
  return `${groups.domain ?? '0000'}:${groups.bus}:${groups.slot}.${groups.fn}`.toLowerCase();
}

/** ' at In[3]:1:13': the first frame that is not ours. */
function caller(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const own = new URL('.', import.meta.url).href;
  const frame = frames.find((line) => !line.includes(own) && !line.includes('node:internal'));
  const place = frame === undefined ? undefined : /\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(frame)?.[1];
  return place === undefined ? '' : ` (at ${place})`;
}

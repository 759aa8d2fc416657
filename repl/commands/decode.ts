/** `vfiolab decode`: config space in lspci's words, or as JSON; of a device, or of a file that lspci -x wrote. */
import { existsSync, readFileSync } from 'node:fs';
import { describeSpace } from '../../lib/config/describe.js';
import { type DumpedFunction, listed, parseDump } from '../../lib/config/dump.js';
import { type Ids, idFilter, slotFilter, slotOf } from '../../lib/config/filter.js';
import { lspciView } from '../../lib/config/tones.js';
import { SystemError, UsageError } from '../../lib/errors.js';
import { systemNames } from '../../lib/host/ids.js';
import { openCard } from './card.js';
import type { Call } from './command.js';
import { printJson, printLine, printView } from './output.js';

export async function decode(call: Call): Promise<number> {
  const [source = ''] = call.operands;
  const { slots, ids, given } = filters(call);
  const all = functionsOf(call, source);
  const chosen = all.filter((one) => slots(one.slot) && ids(idsOf(one.bytes)));
  if (chosen.length === 0) {
    const hint = `it has ${all.map((one) => one.slot).join(', ')}`;
    throw new UsageError({ path: source, attempted: given, reason: 'no such function', hint });
  }
  if (call.flags.has('json'))
    printJson(chosen.map(({ slot, bytes, sizes }) => ({ slot, ...describeSpace(bytes, slot, sizes) })));
  else {
    for (const one of chosen) {
      printView(lspciView(one.bytes, { slot: one.slot, names: systemNames() }));
      printLine('');
    }
  }
  return 0;
}

interface Filters {
  readonly slots: (slot: string) => boolean;
  readonly ids: (ids: Ids) => boolean;
  /** As they were written, for errors. */
  readonly given: string;
}

/** -s and -d, as lspci has them; without them everything is meant. */
export function filters({ command, values }: Call): Filters {
  const path = `vfiolab ${command.name}`;
  const [slot, id] = [values.get('slot'), values.get('id')];
  return {
    slots: slot === undefined ? () => true : slotFilter(slot, path),
    ids: id === undefined ? () => true : idFilter(id, path),
    given: [...(slot === undefined ? [] : [`-s ${slot}`]), ...(id === undefined ? [] : [`-d ${id}`])].join(' '),
  };
}

interface Source extends DumpedFunction {
  readonly sizes?: ReadonlyMap<number, number>;
}

/** A file is one where it exists; a SPEC is everything else. */
function functionsOf(call: Call, source: string): readonly Source[] {
  if (source === '-' || existsSync(source))
    return listed(parseDump(readText(source), source === '-' ? 'standard input' : source));
  using device = openCard(call, source);
  const sizes = new Map(device.regions.map(({ info }) => [info.index, info.size]));
  return [{ slot: slotOf(device.path), bytes: device.config.space().bytes, sizes }];
}

/** Bytes that are not there are 0. */
export function idsOf(bytes: Uint8Array): Ids {
  const byte = (offset: number) => bytes[offset] ?? 0;
  const word = (offset: number) => byte(offset) | (byte(offset + 1) << 8);
  return { vendor: word(0x00), device: word(0x02), classCode: (word(0x0a) << 8) | byte(0x09) };
}

function readText(source: string): string {
  try {
    return readFileSync(source === '-' ? 0 : source, 'utf8');
  } catch (error) {
    const { code: errno, message: reason } = error as NodeJS.ErrnoException;
    const hint = 'give a file that lspci -xxxx wrote, or - for standard input';
    throw new SystemError({ path: source, attempted: 'read', reason, errno, hint, cause: error });
  }
}

/** `vfiolab decode`: config space in lspci's words, or as JSON; of a device, or of a file that lspci -x wrote. */
import { existsSync, readFileSync } from 'node:fs';
import { describeSpace } from '../../lib/config/describe.js';
import { type DumpedFunction, parseDump } from '../../lib/config/dump.js';
import { lspciText } from '../../lib/config/text.js';
import { SystemError, UsageError } from '../../lib/errors.js';
import { readPciIds } from '../../lib/host/ids.js';
import { open } from '../../lib/open.js';
import type { Call } from './command.js';
import { printJson, printLine } from './output.js';

export async function decode(call: Call): Promise<number> {
  const [source = ''] = call.operands;
  const slot = call.values.get('slot');
  const all = functionsOf(source);
  const chosen = slot === undefined ? all : all.filter((one) => matches(one.slot, slot));
  if (chosen.length === 0) {
    const hint = `it has ${all.map((one) => one.slot).join(', ')}`;
    throw new UsageError({ path: source, attempted: `-s ${slot}`, reason: 'no such function', hint });
  }
  if (call.flags.has('json')) printJson(chosen.map(({ slot: at, bytes }) => ({ slot: at, ...describeSpace(bytes) })));
  else {
    const names = readPciIds();
    for (const one of chosen) printLine(`${lspciText(one.bytes, { slot: one.slot, names })}\n`);
  }
  return 0;
}

/** A file is one where it exists; a SPEC is everything else. */
function functionsOf(source: string): readonly DumpedFunction[] {
  if (source === '-' || existsSync(source))
    return parseDump(readText(source), source === '-' ? 'standard input' : source);
  using device = open(source);
  const { config } = device;
  return [{ slot: slotOf(device.path), bytes: config.readBlock(0, config.size, 32) }];
}

/** A simulated device has no slot of its own. */
export const slotOf = (path: string): string => (/^[0-9a-f:]+\.[0-7]$/.test(path) ? path : '00:00.0');

function readText(source: string): string {
  try {
    return readFileSync(source === '-' ? 0 : source, 'utf8');
  } catch (error) {
    const { code: errno, message: reason } = error as NodeJS.ErrnoException;
    const hint = 'give a file that lspci -xxxx wrote, or - for standard input';
    throw new SystemError({ path: source, attempted: 'read', reason, errno, hint, cause: error });
  }
}

/** '[[domain:]bus:]slot[.function]', each part hexadecimal or '*', as lspci's -s has it. */
function matches(slot: string, filter: string): boolean {
  const match = /^(?:(?:([0-9a-f]+|\*)?:)?([0-9a-f]+|\*)?:)?([0-9a-f]+|\*)?(?:\.([0-7]|\*)?)?$/i.exec(filter);
  if (match === null) {
    const hint = 'use [[DOMAIN:]BUS:][SLOT][.FUNCTION], such as 01:00.0 or 1f.2';
    throw new UsageError({ path: 'vfiolab decode', attempted: `-s ${filter}`, reason: 'not a slot', hint });
  }
  const parts = /^(?:([0-9a-f]+):)?([0-9a-f]+):([0-9a-f]+)\.([0-7])$/.exec(slot);
  const value = (text: string | undefined) => Number.parseInt(text ?? '0', 16);
  return match.slice(1).every((wanted, index) => {
    return wanted === undefined || wanted === '*' || value(wanted) === value(parts?.[index + 1]);
  });
}

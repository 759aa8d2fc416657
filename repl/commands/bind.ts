/** `vfiolab bind` and `vfiolab release`. */
import { type Change, bind as take, release as give } from '../../lib/host/bind.js';
import { VIEW } from '../../lib/view.js';
import type { Call } from './command.js';
import { printJson, printLine, printView } from './output.js';

export async function bind(call: Call): Promise<number> {
  const user = call.values.get('user');
  const group = call.values.get('group');
  const change = take(call.operands, {
    dryRun: call.flags.has('dry-run'),
    inUse: call.values.get('in-use')?.split(',') ?? [],
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
  });
  return print(call, change);
}

export async function release(call: Call): Promise<number> {
  return print(call, give(call.operands, { dryRun: call.flags.has('dry-run') }));
}

/** A dry run prints the lines alone, so that they can be piped into a shell. */
function print(call: Call, change: Change): number {
  if (call.flags.has('json')) printJson(change);
  else if (change.done) printView(change[VIEW]());
  else for (const line of change.lines) printLine(line);
  return 0;
}

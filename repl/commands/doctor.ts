/** `vfiolab doctor`: exit code 1 where something is wrong. */
import { doctor as examine } from '../../lib/host/doctor.js';
import { VIEW } from '../../lib/view.js';
import type { Call } from './command.js';
import { printJson, printView } from './output.js';

export async function doctor(call: Call): Promise<number> {
  // The shell that the cure is pasted into is the one that would start the next vfiolab.
  const found = examine(call.operands[0], { pid: '$$', vfToken: call.values.get('vf-token') });
  if (call.flags.has('json')) printJson({ ...found, wrong: found.wrong.length });
  else printView(found[VIEW]());
  return found.wrong.length > 0 ? 1 : 0;
}

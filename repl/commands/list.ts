/** `vfiolab list`. */
import { list as functions } from '../../lib/host/list.js';
import { VIEW } from '../../lib/view.js';
import type { Call } from './command.js';
import { printJson, printView } from './output.js';

export async function list(call: Call): Promise<number> {
  const found = functions();
  if (call.flags.has('json')) printJson(found);
  else printView(found[VIEW]());
  return 0;
}

/** `vfiolab list`. */
import { listPci, listView } from '../../lib/host/list.js';
import type { Call } from './command.js';
import { printJson, printView } from './output.js';

export async function list(call: Call): Promise<number> {
  const functions = listPci();
  if (call.flags.has('json')) printJson(functions);
  else printView(listView(functions));
  return 0;
}

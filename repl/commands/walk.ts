/** `vfiolab walk`: the list of device feature headers in a BAR. */
import { dfhWalk } from '../../lib/hw/dfh.js';
import { VIEW } from '../../lib/view.js';
import { openCard } from './card.js';
import type { Call } from './command.js';
import { parsePlace } from './operand.js';
import { printJson, printView } from './output.js';

export async function walk(call: Call): Promise<number> {
  const [spec = '', place = ''] = call.operands;
  const { region, offset } = parsePlace(call, place);
  using device = openCard(call, spec);
  const found = dfhWalk(device.region(region), offset);
  if (call.flags.has('json')) printJson(found);
  else printView(found[VIEW]());
  return found.broken === undefined ? 0 : 1;
}

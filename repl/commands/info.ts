/** `vfiolab info`: what a device is. */
import { VIEW } from '../../lib/view.js';
import { openCard } from './card.js';
import type { Call } from './command.js';
import { printJson, printView } from './output.js';

export async function info(call: Call): Promise<number> {
  const [spec = ''] = call.operands;
  using device = openCard(call, spec);
  if (call.flags.has('json')) {
    printJson({
      ...{ spec: device.spec, path: device.path, driver: device.driver, identity: device.identity },
      regions: device.regions.map((region) => region.info),
      irqs: device.irqs,
    });
  } else printView(device[VIEW]());
  return 0;
}

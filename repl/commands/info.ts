/** `vfiolab info`: what a device is. */
import { open } from '../../lib/open.js';
import { VIEW } from '../../lib/view.js';
import type { Call } from './command.js';
import { printJson, printView } from './output.js';

export async function info(call: Call): Promise<number> {
  const [spec] = call.operands;
  using device = open(spec, { share: 'join' });
  if (call.flags.has('json')) {
    printJson({
      ...{ spec: device.spec, path: device.path, driver: device.driver, identity: device.identity },
      regions: device.regions.map((region) => region.info),
      irqs: device.irqs,
    });
  } else printView(device[VIEW]());
  return 0;
}

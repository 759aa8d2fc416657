/** `vfiolab list`. */
import { idFilter } from '../../lib/config/filter.js';
import { list as functions, PciFunctions } from '../../lib/host/list.js';
import { VIEW } from '../../lib/view.js';
import type { Call } from './command.js';
import { filters } from './decode.js';
import { printJson, printLine, printView } from './output.js';

export async function list(call: Call): Promise<number> {
  const { slots, ids, given: some } = filters(call);
  const subsystem = call.values.get('subsystem');
  const ofSubsystem = subsystem === undefined ? () => true : idFilter(subsystem, 'vfiolab list');
  const given = [some, subsystem === undefined ? '' : `--subsystem ${subsystem}`].filter(Boolean).join(' ');
  const found = PciFunctions.from(
    functions().filter(
      (one) =>
        slots(one.bdf) &&
        ids({ ...one, classCode: one.class }) &&
        ofSubsystem({ vendor: one.subsystemVendor ?? 0, device: one.subsystemDevice ?? 0, classCode: one.class }),
    ),
  ) as PciFunctions;
  if (call.flags.has('json')) printJson(found);
  else if (found.length === 0 && given !== '') printLine(`no PCI function is ${given}`);
  else printView(found[VIEW]());
  return 0;
}

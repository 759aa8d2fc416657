/** `vfiolab peek`: one read, of an offset in a region or of a register that setpci has a name for. */
import { VIEW } from '../../lib/view.js';
import { openCard } from './card.js';
import type { Call } from './command.js';
import { isPlaceName, parseRegister, parseWidth, widthOfName } from './operand.js';
import { hexOf, printJson, printLine, printView } from './output.js';

export async function peek(call: Call): Promise<number> {
  const [spec = '', place = ''] = call.operands;
  if (isPlaceName(place)) return peekNamed(call, spec, place);
  const { region, offset } = parseRegister(call, place);
  const width = parseWidth(call);
  using device = openCard(call, spec);
  const value = device.region(region).read(offset, width);
  if (call.flags.has('json')) printJson({ spec, region, offset, width, value, hex: hexOf(value, width) });
  else printLine(`${hexOf(value, width)}  ${value}`);
  return 0;
}

async function peekNamed(call: Call, spec: string, place: string): Promise<number> {
  using device = openCard(call, spec);
  const register = device.config.at(widthOfName(call, place));
  const value = register.read();
  const { raw, ...fields } = value;
  const { offset, name } = register;
  const { width } = register.spec;
  if (call.flags.has('json')) {
    printJson({ ...{ spec, region: 'config', offset, name, width }, value: raw, hex: hexOf(raw, width), fields });
  } else {
    printLine(`${hexOf(raw, width)}  ${raw}`);
    if (Object.keys(fields).length > 0) printView(value[VIEW]());
  }
  return 0;
}

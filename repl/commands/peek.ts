/** `vfiolab peek`: one read. */
import { open } from '../../lib/open.js';
import type { Call } from './command.js';
import { parseRegister, parseWidth } from './operand.js';
import { hexOf, printJson, printLine } from './output.js';

export async function peek(call: Call): Promise<number> {
  const [spec = '', place = ''] = call.operands;
  const { region, offset } = parseRegister(call, place);
  const width = parseWidth(call);
  using device = open(spec);
  const value = device.region(region).read(offset, width);
  if (call.flags.has('json')) printJson({ spec, region, offset, width, value, hex: hexOf(value, width) });
  else printLine(`${hexOf(value, width)}  ${value}`);
  return 0;
}

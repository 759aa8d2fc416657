/** `vfiolab poke`: one write, and a read after it only where asked for. */
import { open } from '../../lib/open.js';
import type { Call } from './command.js';
import { parseNumber, parseRegister, parseWidth } from './operand.js';
import { hexOf, printJson, printLine } from './output.js';

export async function poke(call: Call): Promise<number> {
  const [spec = '', place = '', text = ''] = call.operands;
  const { region, offset } = parseRegister(call, place);
  const width = parseWidth(call);
  const number = parseNumber(call, text);
  const value = width === 64 ? number : Number(number);
  using device = open(spec);
  const target = device.region(region);
  target.write(offset, width, value);
  const read = call.flags.has('read') ? target.read(offset, width) : undefined;
  if (call.flags.has('json')) {
    printJson({
      ...{ spec, region, offset, width, value, hex: hexOf(value, width) },
      ...(read === undefined ? {} : { read, readHex: hexOf(read, width) }),
    });
  } else {
    printLine(`${device.path}/${region}+0x${offset.toString(16)} <- ${hexOf(value, width)}`);
    if (read !== undefined) printLine(`${hexOf(read, width)}  ${read}`);
  }
  return 0;
}

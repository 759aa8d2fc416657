/** `vfiolab poke`: one write, and a read after it only where asked for; for a name of setpci's also some bits of a register. */
import { openCard } from './card.js';
import type { Call } from './command.js';
import { isPlaceName, parseNumber, parseRegister, parseWidth, widthOfName } from './operand.js';
import { hexOf, printJson, printLine } from './output.js';
import { usageError } from './parse.js';

export async function poke(call: Call): Promise<number> {
  const [spec = '', place = '', text = ''] = call.operands;
  if (isPlaceName(place)) return pokeNamed(call, spec, place, text);
  if (text.includes(':')) {
    const hint = 'give a name such as COMMAND or CAP_EXP+8.w, or read and write the whole value';
    throw usageError('poke', text, 'VALUE:MASK is for registers of config space by name', hint);
  }
  const { region, offset } = parseRegister(call, place);
  const width = parseWidth(call);
  const number = parseNumber(call, text);
  const value = width === 64 ? number : Number(number);
  using device = openCard(call, spec);
  const target = device.region(region);
  target.write(offset, width, value);
  const read = call.flags.has('read') ? target.read(offset, width) : undefined;
  report(call, device.path, { spec, region, offset, width, value }, read);
  return 0;
}

async function pokeNamed(call: Call, spec: string, place: string, text: string): Promise<number> {
  const [value = 0, mask] = text.split(':').map((part) => Number(parseNumber(call, part)));
  using device = openCard(call, spec);
  const register = device.config.at(widthOfName(call, place));
  if (mask === undefined) register.write(value);
  else register.modify(value, mask);
  const { offset, name } = register;
  const { width } = register.spec;
  const read = call.flags.has('read') ? register.read().raw : undefined;
  const written = { spec, region: 'config', offset, name, width, value, ...(mask === undefined ? {} : { mask }) };
  report(call, device.path, written, read);
  return 0;
}

interface Written {
  readonly spec: string;
  readonly region: string;
  readonly offset: number;
  readonly width: 8 | 16 | 32 | 64;
  readonly value: number | bigint;
  readonly mask?: number;
}

function report(call: Call, path: string, written: Written, read: number | bigint | undefined): void {
  const { region, offset, width, value, mask } = written;
  if (call.flags.has('json')) {
    printJson({
      ...{ ...written, hex: hexOf(value, width) },
      ...(read === undefined ? {} : { read, readHex: hexOf(read, width) }),
    });
    return;
  }
  const bits = mask === undefined ? '' : `, the bits ${hexOf(mask, width)}`;
  printLine(`${path}/${region}+0x${offset.toString(16)} <- ${hexOf(value, width)}${bits}`);
  if (read !== undefined) printLine(`${hexOf(read, width)}  ${read}`);
}

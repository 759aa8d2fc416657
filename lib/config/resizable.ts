/** Resizable BARs, of a function and of its virtual ones. Ref: PCI Express Base 6.0, 7.8.6 and 7.8.7 */
import { r32 } from '../map.js';
import { type Capability, extended } from './capability.js';

const MOST = 6;
const REGISTERS = {
  /** Bit 4 stands for 1 MB, bit 31 for 128 TB; larger sizes are in CTRL. */
  CAP: r32(0x04, { SIZES: [31, 4] }, { access: 'ro', count: MOST, stride: 8 }),
  CTRL: r32(
    0x08,
    { LARGER_SIZES: [31, 16, 'ro'], SIZE: [13, 8], COUNT: [7, 5, 'ro'], BAR: [2, 0, 'ro'] },
    { count: MOST, stride: 8 },
  ),
};
type Resizable = Capability<typeof REGISTERS>;

/** The first entry tells how many there are. */
function shape({ CTRL }: Resizable) {
  const count = CTRL[0]?.COUNT ?? 0;
  return { CAP: { count: Math.min(count, MOST) }, CTRL: { count: Math.min(count || 1, MOST) } };
}

function* text(title: string, { CAP, CTRL }: Resizable): Generator<string> {
  yield title;
  const count = CTRL[0]?.COUNT ?? 1;
  if (count === 0 || count > MOST) {
    yield `\t<error in resizable BAR: num_bars=${count} is out of specification>`;
    return;
  }
  for (let index = 0; index < count; index += 1) {
    const [cap, control] = [CAP[index], CTRL[index]];
    if (cap === undefined || control === undefined) {
      yield '\t<unreadable>';
      return;
    }
    const sizes = [...bits(cap.SIZES, 28), ...bits(control.LARGER_SIZES, 16).map((bit) => bit + 28)].map(sizeText);
    const supported = sizes.length === 0 ? '' : `, supported: ${sizes.join(' ')}`;
    yield `\tBAR ${control.BAR}: current size: ${sizeText(control.SIZE)}${supported}`;
  }
}

const bits = (word: number, width: number): number[] =>
  Array.from({ length: width }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);

/** Of 1 MB times two to the power of `exponent`. */
function sizeText(exponent: number): string {
  const unit = ['MB', 'GB', 'TB', 'PB', 'EB'][Math.floor(exponent / 10)];
  return exponent > 43 || unit === undefined ? '<unknown>' : `${2 ** (exponent % 10)}${unit}`;
}

export const REBAR = extended({
  name: 'REBAR',
  id: 0x15,
  title: 'Physical Resizable BAR',
  ref: 'PCI Express Base 6.0, 7.8.6',
  registers: REGISTERS,
  shape,
  text: (capability) => text('Physical Resizable BAR', capability),
});

export const VF_REBAR = extended({
  name: 'VF_REBAR',
  id: 0x24,
  title: 'Virtual Resizable BAR',
  ref: 'PCI Express Base 6.0, 7.8.7',
  registers: REGISTERS,
  shape,
  text: (capability) => text('Virtual Resizable BAR', capability),
});

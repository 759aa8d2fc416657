/** The header as data, by the layout that HEADER_TYPE tells: a device's, a bridge's, a CardBus bridge's. */
import type { RegisterMap } from '../map.js';
import { type Bar, type BarSizes, barsOf, type Rom, romOf } from './bars.js';
import { BRIDGE, CARDBUS } from './bridge.js';
import { AbsentRegister } from './capability.js';
import { decodeRegisters, type Registers } from './decode.js';
import { HEADER, IDENTITY, INTERRUPT } from './header.js';
import { headerView, pictured } from './picture.js';
import { CARDBUS_SIZE, fits, HEADER_SIZE, type Space, wordAt } from './space.js';
import { cardbusWindows, WINDOW_KINDS, type Window, windowOf } from './windows.js';

/** The registers of each layout. */
export const LAYOUTS = {
  device: HEADER,
  bridge: { ...IDENTITY, ...BRIDGE, ...INTERRUPT },
  cardbus: {
    ...IDENTITY,
    ...CARDBUS,
    INTERRUPT_LINE: INTERRUPT.INTERRUPT_LINE,
    INTERRUPT_PIN: INTERRUPT.INTERRUPT_PIN,
  },
  unknown: IDENTITY,
};
export type Layout = keyof typeof LAYOUTS;

/** What is made of more than one register. */
interface Parts<L extends Layout> {
  readonly layout: L;
  /** A 64-bit BAR is one, with the index of its lower half. Those that are not there are not listed. */
  readonly bars: readonly Bar[];
  readonly rom?: Rom;
  /** What a bridge passes on; one whose type bits make no sense is left out. */
  readonly windows: readonly Window[];
}

type HeaderOf<L extends Layout> = Parts<L> & Registers<(typeof LAYOUTS)[L]>;

/** The header as data: `layout` tells which registers there are beside those of all headers. JSON.stringify() takes it as it is. */
export type HeaderData = { readonly [L in Layout]: HeaderOf<L> }[Layout];

/** Which layout the bytes have; 'unknown' also where they end before the header does. */
export function layoutAt(space: Space): Layout {
  if (!fits(space, 0, HEADER_SIZE)) return 'unknown';
  const layout = (['device', 'bridge', 'cardbus'] as const)[wordAt(space, 0x0e, 8) & 0x7f];
  return layout === undefined || (layout === 'cardbus' && !fits(space, 0, CARDBUS_SIZE)) ? 'unknown' : layout;
}

/** Decodes the header. Pure. A register that the bytes do not hold throws an AbsentRegister when it is asked for. */
export function headerOf(space: Space, sizes: BarSizes = new Map()): HeaderData {
  const layout = layoutAt(space);
  const map: RegisterMap = LAYOUTS[layout];
  const registers = decodeRegisters(map, space);
  const header = { layout, ...registers, bars: barsOf(space, layout, sizes), windows: [] as readonly Window[] };
  const rom = romOf(space, layout, sizes);
  if (rom !== undefined) Object.assign(header, { rom });
  const data = header as unknown as HeaderData;
  if (data.layout === 'bridge') header.windows = WINDOW_KINDS.flatMap((kind) => windowOf(data, kind) ?? []);
  if (data.layout === 'cardbus') header.windows = cardbusWindows(data);
  for (const name of Object.keys(map)) if (!(name in registers)) defineAbsent(header, `${space.path} ${name}`, name);
  return pictured(data, () => headerView(space.path, data, map));
}

function defineAbsent(header: object, path: string, name: string): void {
  const get = () => {
    const hint = 'read or dump at least the 64 bytes of the header';
    throw new AbsentRegister({ path, attempted: 'decode', reason: 'the bytes end before it', hint });
  };
  Object.defineProperty(header, name, { get, enumerable: false });
}

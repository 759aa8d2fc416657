/** Multicast groups, and what an event collector collects for. */
import { r16, r32 } from '../map.js';
import { extended } from './capability.js';
import { isEndpoint, isRoutingPort } from './express-text.js';
import { hex, sign } from './words.js';

/** 64-bit registers as two words each, so that the data are plain numbers. */
export const MCAST = extended({
  name: 'MCAST',
  id: 0x12,
  title: 'Multicast',
  ref: 'PCI Express Base 6.0, 7.9.11',
  registers: {
    CAP: r16(0x04, { ECRC: 15, WINDOW_SIZE: [13, 8], MAX_GROUP: [5, 0] }, 'ro'),
    CTRL: r16(0x06, { ENABLE: 15, GROUP: [5, 0] }),
    BASE: r32(0x08, { ADDRESS: [31, 12], INDEX: [5, 0] }),
    BASE_HIGH: r32(0x0c, {}),
    RECEIVE: r32(0x10, {}, { count: 2 }),
    BLOCK_ALL: r32(0x18, {}, { count: 2 }),
    BLOCK_UNTRANSLATED: r32(0x20, {}, { count: 2 }),
    OVERLAY: r32(0x28, { ADDRESS: [31, 6], SIZE: [5, 0] }),
    OVERLAY_HIGH: r32(0x2c, {}),
  },
  block: [0x04, 0x30],
  *text(multicast, space) {
    yield 'Multicast';
    const { CAP, CTRL } = multicast;
    const port = isRoutingPort(space);
    const groups = `\tMcastCap: MaxGroups ${CAP.MAX_GROUP + 1}`;
    const control = `\tMcastCtl: NumGroups ${CTRL.GROUP + 1}, Enable${sign(CTRL.ENABLE)}`;
    if (port) {
      yield `${groups}, ECRCRegen${sign(CAP.ECRC)}`;
      yield control;
    } else {
      // lspci has no line end here.
      const window = isEndpoint(space) ? `, WindowSz ${CAP.WINDOW_SIZE} (${1 << CAP.WINDOW_SIZE} bytes)` : '';
      yield `${groups}${window}\t${control}`;
    }
    const { BASE, BASE_HIGH } = multicast;
    yield `\tMcastBAR: IndexPos ${BASE.INDEX}, BaseAddr ${pair([BASE.raw & ~0xfff, BASE_HIGH])}`;
    yield `\tMcastReceiveVec:      ${pair(multicast.RECEIVE)}`;
    yield `\tMcastBlockAllVec:     ${pair(multicast.BLOCK_ALL)}`;
    yield `\tMcastBlockUntransVec: ${pair(multicast.BLOCK_UNTRANSLATED)}`;
    if (isEndpoint(space)) return;
    const { OVERLAY, OVERLAY_HIGH } = multicast;
    const size = OVERLAY.SIZE >= 6 ? `${OVERLAY.SIZE} (${1 << OVERLAY.SIZE} bytes)` : `${OVERLAY.SIZE} (disabled)`;
    yield `\tMcastOverlayBAR: OverlaySize ${size}, BaseAddr ${pair([OVERLAY.raw & ~0x3f, OVERLAY_HIGH])}`;
  },
});

const pair = ([low = 0, high = 0]: readonly number[]): string => `${hex(high >>> 0, 8)}${hex(low >>> 0, 8)}`;

export const RCECOLL = extended({
  name: 'RCECOLL',
  id: 0x07,
  title: 'Root Complex Event Collector Endpoint Association',
  ref: 'PCI Express Base 6.0, 7.9.10',
  registers: {
    /** A bit for each device of the collector's own bus. */
    BITMAP: r32(0x04, {}, 'ro'),
    /** From version 2 on. NEXT above LAST: no other bus. */
    BUSES: r32(0x08, { LAST: [23, 16], NEXT: [15, 8] }, 'ro'),
  },
  shape: ({ version }) => (version < 2 ? { BUSES: false } : {}),
  block: [0x00, 12],
  *text(collector) {
    yield 'Root Complex Event Collector Endpoint Association';
    const { BITMAP } = collector;
    yield `\tRCiEPBitmap: ${BITMAP === 0 ? '00000000 [none]' : `RCiEP at Device(s): ${ranges(BITMAP)}`}`;
    if (collector.version < 2) return;
    yield `\tAssociatedBusNumbers: ${hex(collector.BUSES.NEXT, 2)}-${hex(collector.BUSES.LAST, 2)}`;
  },
});

/** '0-1, 5'; of a run up to device 31 lspci shows the first alone. */
function ranges(bitmap: number): string {
  const runs: [first: number, last: number][] = [];
  for (let bit = 0; bit < 32; bit += 1) {
    if (((bitmap >>> bit) & 1) === 0) continue;
    const run = runs.at(-1);
    if (run?.[1] === bit - 1) run[1] = bit;
    else runs.push([bit, bit]);
  }
  return runs.map(([first, last]) => (first === last || last === 31 ? `${first}` : `${first}-${last}`)).join(', ');
}

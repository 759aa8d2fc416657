/** What a root complex says of itself: its links, within and without, and its register block. */
import { r16, r32 } from '../map.js';
import { extended, holds } from './capability.js';
import { LATENCY_L0S, LATENCY_L1, SPEEDS } from './express.js';
import { codes, hex, named, sign } from './words.js';

const MOST = 255;
const LINKS = 0x10;
const LINK_SIZE = 16;

export const RCLINK = extended({
  name: 'RCLINK',
  id: 0x05,
  title: 'Root Complex Link',
  ref: 'PCI Express Base 6.0, 7.9.8',
  registers: {
    ELEMENT: r32(
      0x04,
      { PORT: [31, 24], COMPONENT: [23, 16], LINKS: [15, 8], TYPE: [3, 0, codes('Config', 'Egress', 'Internal')] },
      'ro',
    ),
    LINK: r32(
      LINKS,
      { PORT: [31, 24], COMPONENT: [23, 16], RCRB: 2, TYPE: [1, 1, codes('MemMapped', 'Config')], VALID: 0 },
      { access: 'ro', count: MOST, stride: LINK_SIZE },
    ),
    /** Of a register block; of TYPE Config: bus, device and function, in as many bits as the lowest three tell. */
    ADDRESS: r32(LINKS + 8, {}, { access: 'ro', count: MOST, stride: LINK_SIZE }),
    ADDRESS_HIGH: r32(LINKS + 12, {}, { access: 'ro', count: MOST, stride: LINK_SIZE }),
  },
  shape({ ELEMENT }) {
    const count = { count: ELEMENT.LINKS };
    return { LINK: count, ADDRESS: count, ADDRESS_HIGH: count };
  },
  block: [0x04, 12],
  *text(root, space) {
    yield 'Root Complex Link';
    const { ELEMENT } = root;
    // lspci takes eight bits for the type.
    const type = ELEMENT.raw & 0xf0 ? `??${ELEMENT.raw & 0xff}` : named(ELEMENT.TYPE, `??${ELEMENT.TYPE}`);
    yield `\tDesc:\tPortNumber=${hex(ELEMENT.PORT, 2)} ComponentID=${hex(ELEMENT.COMPONENT, 2)} EltType=${type}`;
    for (let index = 0; index < ELEMENT.LINKS; index += 1) {
      const [link, low, high] = [root.LINK[index], root.ADDRESS[index], root.ADDRESS_HIGH[index]];
      const whole = holds(space, root, LINKS + index * LINK_SIZE, LINK_SIZE);
      if (!whole || link === undefined || low === undefined || high === undefined) {
        yield `\tLink${index}:\t<unreadable>`;
        return;
      }
      yield `\tLink${index}:\tDesc:\tTargetPort=${hex(link.PORT, 2)} TargetComponent=${hex(link.COMPONENT, 2)} AssocRCRB${sign(link.RCRB)} LinkType=${link.TYPE} LinkValid${sign(link.VALID)}`;
      const address = `${hex(high, 8)}${hex(low, 8)}`;
      if (link.TYPE === 'MemMapped') yield `\t\tAddr:\t${address}`;
      else {
        const bus = (low >>> 20) & ((1 << (low & 7 || 8)) - 1);
        yield `\t\tAddr:\t${hex(bus, 2)}:${hex((low >>> 15) & 31, 2)}.${(low >>> 12) & 7}  CfgSpace=${address}`;
      }
    }
  },
});

export const RCILINK = extended({
  name: 'RCILINK',
  id: 0x06,
  title: 'Root Complex Internal Link',
  ref: 'PCI Express Base 6.0, 7.9.9',
  registers: {
    CAP: r32(
      0x04,
      {
        SPEEDS: [24, 18],
        L1_EXIT: [17, 15, LATENCY_L1],
        L0S_EXIT: [14, 12, LATENCY_L0S],
        ASPM: [11, 10],
        WIDTH: [9, 4],
        SPEED: [3, 0, SPEEDS],
      },
      'ro',
    ),
    CTRL: r16(0x08, { EXTENDED_SYNCH: 7, ASPM: [1, 0] }),
    STATUS: r16(0x0a, { WIDTH: [9, 4], SPEED: [3, 0, SPEEDS] }, 'ro'),
  },
  *text() {
    yield 'Root Complex Internal Link <?>';
  },
});

export const RCRB = extended({
  name: 'RCRB',
  id: 0x0a,
  title: 'Root Complex Register Block',
  ref: 'PCI Express Base 6.0, 7.9.7',
  registers: {
    VENDOR_ID: r16(0x04, {}, 'ro'),
    DEVICE_ID: r16(0x06, {}, 'ro'),
    CAP: r32(0x08, { CRS_VISIBLE: 0 }, 'ro'),
    CTRL: r32(0x0c, { CRS_VISIBLE: 0 }),
  },
  *text() {
    yield 'Root Complex Register Block <?>';
  },
});

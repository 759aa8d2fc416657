/** Device 3. Ref: PCI Express Base 6.1, 7.7.9 */
import { r32 } from '../map.js';
import { extended } from './capability.js';
import { codes, flags, named, sign } from './words.js';

const EXIT = codes(
  'Less than 1us',
  '1us to less than 2us',
  '2us to less than 4us',
  '4us to less than 8us',
  '8us to less than 16us',
  '16us to less than 32us',
  '32us-64us',
  'More than 64us',
);
export const WIDTH = { x1: 0, x2: 1, x4: 2, x8: 3, x16: 4, Dynamic: 7 };

export const DEV3 = extended({
  name: 'DEV3',
  id: 0x2f,
  title: 'Device 3',
  ref: 'PCI Express Base 6.1, 7.7.9',
  registers: {
    CAP: r32(
      0x04,
      {
        UIO_REQUESTER: 11,
        UIO_COMPLETER: 10,
        RETIMER_EXIT: [9, 7, EXIT],
        PORT_EXIT: [6, 4, EXIT],
        L0P: 3,
        TAG14_REQUESTER: 2,
        TAG14_COMPLETER: 1,
        DMWR_ROUTING: 0,
      },
      'ro',
    ),
    CTRL: r32(0x08, {
      UIO_256B_DISABLE: 8,
      UIO_REQUESTER: 7,
      WIDTH: [6, 4, WIDTH],
      L0P: 3,
      TAG14_REQUESTER: 2,
      DMWR_BLOCKING: 1,
      DMWR_REQUESTER: 0,
    }),
    STATUS: r32(0x0c, { REMOTE_L0P: 4, SEGMENT_CAPTURED: 3, WIDTH: [2, 0, WIDTH] }, 'ro'),
  },
  *text(device) {
    const list = <T>(register: T, labels: Readonly<Record<string, keyof T>>) =>
      Object.entries(labels)
        .map(([label, field]) => flags(register, { [label]: field }))
        .join(', ');
    const width = (value: number | string) => named(value, `Unknown (${value})`);
    yield 'Device 3';
    const { CAP } = device;
    yield `\tDevCap3: ${list(CAP, { 'DMWr Request Routing': 'DMWR_ROUTING', '14-Bit Tag Completer': 'TAG14_COMPLETER', '14-Bit Tag Requester': 'TAG14_REQUESTER' })}`;
    const exits = `, Port L0p Exit Latency: ${CAP.PORT_EXIT}, Retimer L0p Exit Latency: ${CAP.RETIMER_EXIT}`;
    yield `\t\t L0p${sign(CAP.L0P)}${CAP.L0P ? exits : ''}`;
    yield `\t\t ${list(CAP, { 'UIO Mem RdWr Completer': 'UIO_COMPLETER', 'UIO Mem RdWr Requester': 'UIO_REQUESTER' })}`;
    const { CTRL } = device;
    yield `\tDevCtl3: ${list(CTRL, { 'DMWr Requester': 'DMWR_REQUESTER', 'DMWr Egress Blocking': 'DMWR_BLOCKING', '14-Bit Tag Requester': 'TAG14_REQUESTER' })}`;
    yield `\t\t L0p${sign(CTRL.L0P)}, Target Link Width: ${width(CTRL.WIDTH)}`;
    yield `\t\t UIO Mem RdWr Requester${sign(CTRL.UIO_REQUESTER)}, UIO Request 256B Boundary${sign(!CTRL.UIO_256B_DISABLE)}`;
    const { STATUS } = device;
    yield `\tDevSta3: Initial Link Width: ${width(STATUS.WIDTH)}, Segment Captured${sign(STATUS.SEGMENT_CAPTURED)}, Remote L0p${sign(STATUS.REMOTE_L0P)}`;
  },
});

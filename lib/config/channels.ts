/** Virtual channels. Ref: PCI Express Base 6.0, 7.9.1 */
import { r16, r32 } from '../map.js';
import { type Capability, type CapabilitySpec, extended, type Shape } from './capability.js';
import { hex, sign } from './words.js';

const MOST = 8;
export const REGISTERS = {
  CAP1: r32(0x04, { TABLE_ENTRY_SIZE: [11, 10], CLOCK: [9, 8], LOW_PRIORITY_COUNT: [6, 4], COUNT: [2, 0] }, 'ro'),
  CAP2: r32(0x08, { TABLE_OFFSET: [31, 24, { unit: '16 bytes' }], ARBITRATION: [7, 0] }, 'ro'),
  CTRL: r16(0x0c, { ARBITRATION: [3, 1], LOAD_TABLE: 0 }),
  STATUS: r16(0x0e, { IN_PROGRESS: 0 }, 'ro'),
  VC_CAP: r32(
    0x10,
    { TABLE_OFFSET: [31, 24, { unit: '16 bytes' }], TIME_SLOTS: [22, 16], REJECT_SNOOP: 15, ARBITRATION: [7, 0] },
    { access: 'ro', count: MOST, stride: 12 },
  ),
  VC_CTRL: r32(
    0x14,
    { ENABLE: 31, ID: [26, 24], ARBITRATION: [19, 17], LOAD_TABLE: 16, TC: [7, 0] },
    { count: MOST, stride: 12 },
  ),
  VC_STATUS: r16(0x1a, { NEGOTIATING: 1, IN_PROGRESS: 0 }, { access: 'ro', count: MOST, stride: 12 }),
};

const SCHEMES = ['Fixed', 'WRR32', 'WRR64', 'WRR128'];
const PORT_SCHEMES = [...SCHEMES, 'TWRR128', 'WRR256'];

const scheme = (names: readonly string[], code: number) => names[code] ?? `??${code}`;

/** The known ones with a sign each, the others where they are set. */
function schemes(names: readonly string[], bits: number): string {
  return Array.from({ length: 8 }, (_, code) => [code, (bits >>> code) & 1] as const)
    .filter(([code, bit]) => bit === 1 || code < names.length)
    .map(([code, bit]) => `${scheme(names, code)}${sign(bit)}`)
    .join(' ');
}

function* text(channel: Capability<typeof REGISTERS>): Generator<string> {
  yield 'Virtual Channel';
  const { CAP1, CAP2, CTRL, STATUS } = channel;
  const clock = CAP1.CLOCK === 0 ? '100ns' : `??${CAP1.CLOCK}`;
  yield `\tCaps:\tLPEVC=${CAP1.LOW_PRIORITY_COUNT} RefClk=${clock} PATEntryBits=${1 << CAP1.TABLE_ENTRY_SIZE}`;
  yield `\tArb:\t${schemes(SCHEMES, CAP2.ARBITRATION)}`;
  yield `\tCtrl:\tArbSelect=${scheme(SCHEMES, CTRL.ARBITRATION)}`;
  yield `\tStatus:\tInProgress${sign(STATUS.IN_PROGRESS)}`;
  if (CAP2.TABLE_OFFSET !== 0) {
    yield `\tPort Arbitration Table [${hex(channel.offset + CAP2.TABLE_OFFSET * 16, 2)}] <?>`;
  }
  for (let index = 0; index <= CAP1.COUNT; index += 1) {
    const [cap, control, status] = [channel.VC_CAP[index], channel.VC_CTRL[index], channel.VC_STATUS[index]];
    if (cap === undefined || control === undefined || status === undefined) {
      yield `\tVC${index}:\t<unreadable>`;
      continue;
    }
    yield `\tVC${index}:\tCaps:\tPATOffset=${hex(cap.TABLE_OFFSET, 2)} MaxTimeSlots=${cap.TIME_SLOTS + 1} RejSnoopTrans${sign(cap.REJECT_SNOOP)}`;
    yield `\t\tArb:\t${schemes(PORT_SCHEMES, cap.ARBITRATION)}`;
    yield `\t\tCtrl:\tEnable${sign(control.ENABLE)} ID=${control.ID} ArbSelect=${scheme(PORT_SCHEMES, control.ARBITRATION)} TC/VC=${hex(control.TC, 2)}`;
    yield `\t\tStatus:\tNegoPending${sign(status.NEGOTIATING)} InProgress${sign(status.IN_PROGRESS)}`;
    if (cap.TABLE_OFFSET !== 0) yield '\t\tPort Arbitration Table <?>';
  }
}

/** COUNT is one less than the number of channels. */
export function perChannel({ CAP1 }: Capability<typeof REGISTERS>): Shape<typeof REGISTERS> {
  const count = { count: CAP1.COUNT + 1 };
  return { VC_CAP: count, VC_CTRL: count, VC_STATUS: count };
}

function virtualChannel<const N extends string>(
  name: N,
  id: number,
): CapabilitySpec<typeof REGISTERS> & { readonly name: N } {
  return {
    ...extended({
      name,
      id,
      title: 'Virtual Channel',
      ref: 'PCI Express Base 6.0, 7.9.1',
      registers: REGISTERS,
      shape: perChannel,
      block: [0x04, 0x18],
      text,
    }),
    name,
  };
}

export const VC = virtualChannel('VC', 0x02);
/** The same, of a function that has the multi-function channels beside it. */
export const VC9 = virtualChannel('VC9', 0x09);

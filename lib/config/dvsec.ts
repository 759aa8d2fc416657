/** Designated vendor-specific capabilities: CXL's by their ids, any other with its bytes. Ref: PCI Express Base 6.0, 7.9.6 */
import { r8, r16, r32 } from '../map.js';
import { type Capability, extended, holds, type Shape } from './capability.js';
import { CXL_BY_ID, CXL_REGISTERS, type CxlRegister, LOCATOR_ID } from './cxl.js';
import { cxlLines } from './cxl-text.js';
import { hex } from './words.js';

const DATA = 0x0a;
const MOST_DATA = 4095 - DATA;
export const DVSEC_REGISTERS = {
  HEADER1: r32(0x04, { LENGTH: [31, 20, { unit: 'bytes' }], REVISION: [19, 16], VENDOR: [15, 0] }, 'ro'),
  HEADER2: r16(0x08, { ID: [15, 0] }, 'ro'),
  ...CXL_REGISTERS,
  /** What is not CXL's: the bytes behind the headers. */
  DATA: r8(DATA, {}, { access: 'ro', count: MOST_DATA }),
};
export type Dvsec = Capability<typeof DVSEC_REGISTERS>;

const CXL = 0x1e98;
/** Shorter ones lspci does not take for CXL's. */
const CXL_LENGTH = 16;
const CXL_NAMES = Object.keys(CXL_REGISTERS) as CxlRegister[];
const LOCATOR_BLOCKS = 0x0c;

const isCxl = ({ HEADER1 }: Pick<Dvsec, 'HEADER1'>): boolean => HEADER1.VENDOR === CXL && HEADER1.LENGTH >= CXL_LENGTH;

type Lengths = readonly (readonly [name: CxlRegister, length: number])[];

/** The registers of each id, and how long the DVSEC must be to have them; of an id that is not known, none. */
const lengths = new Map<number, Lengths>(
  Object.entries(CXL_BY_ID).map(([id, { registers }]) => {
    const all = (Object.keys(registers) as CxlRegister[]).map((name) => {
      const { offset, width, count, stride } = CXL_REGISTERS[name];
      const last = Number(id) === LOCATOR_ID || count === 0 ? 0 : (count - 1) * stride;
      return [name, offset + last + width / 8] as const;
    });
    return [Number(id), all];
  }),
);
const NOTHING: Shape<typeof DVSEC_REGISTERS> = Object.fromEntries(CXL_NAMES.map((name) => [name, false]));

/** A register that the length does not cover belongs to somebody else. */
function shape({ HEADER1, HEADER2 }: Dvsec): Shape<typeof DVSEC_REGISTERS> {
  const known = isCxl({ HEADER1 }) ? lengths.get(HEADER2.ID) : undefined;
  if (known === undefined) return { ...NOTHING, DATA: { count: Math.max(0, HEADER1.LENGTH - DATA) } };
  const blocks = { count: Math.max(0, Math.floor((HEADER1.LENGTH - LOCATOR_BLOCKS) / 8)) };
  const place = HEADER2.ID === LOCATOR_ID ? blocks : {};
  const covered = known.filter(([, length]) => length <= HEADER1.LENGTH).map(([name]) => [name, place] as const);
  return { ...NOTHING, ...Object.fromEntries(covered), DATA: false };
}

export const DVSEC = extended({
  name: 'DVSEC',
  id: 0x23,
  title: 'Designated Vendor-Specific',
  ref: 'PCI Express Base 6.0, 7.9.6; CXL 3.1, 8.1',
  registers: DVSEC_REGISTERS,
  shape,
  *text(dvsec, space) {
    if (!holds(space, dvsec, 0x04, 8)) {
      yield 'Designated Vendor-Specific: <unreadable>';
      return;
    }
    const { HEADER1, HEADER2 } = dvsec;
    yield `Designated Vendor-Specific: Vendor=${hex(HEADER1.VENDOR, 4)} ID=${hex(HEADER2.ID, 4)} Rev=${HEADER1.REVISION} Len=${HEADER1.LENGTH}${isCxl(dvsec) ? ': CXL' : ' <?>'}`;
    if (!isCxl(dvsec) || !holds(space, dvsec, 0, HEADER1.LENGTH)) return;
    const title = CXL_BY_ID[HEADER2.ID]?.title ?? `Unknown ID ${hex(HEADER2.ID, 4)}`;
    yield `\t${title}`;
    for (const line of cxlLines(dvsec)) yield `\t${line}`;
  },
});

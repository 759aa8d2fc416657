/**
 * setpci's way to name a place in config space: 'COMMAND', 'CAP_EXP+8.w', 'ECAP_AER+4.l', 'CAP10.w', '3c.b', 'CAP_VNDR+4.l@1'. All
 * numbers are hexadecimal; letters may be of either case.
 *
 * Ref: setpci(8) of pciutils 3.15, `setpci --dumpregs`
 */
import { UsageError } from '../errors.js';
import { CAPABILITIES } from './catalog.js';
import type { Layout } from './layout.js';

/** Bits of one access to config space. */
export type ConfigWidth = 8 | 16 | 32;

export interface PlaceName {
  /** What the offset counts from: the start of config space, or the first byte of a capability. */
  readonly base: 'start' | { readonly extended: boolean; readonly id: number; readonly instance: number };
  readonly offset: number;
  /** As it is given, or as the name has it. */
  readonly width: ConfigWidth | undefined;
  /** Which header layouts have a register of this name; undefined where any may. */
  readonly layouts: readonly Layout[] | undefined;
}

type Registers = Readonly<Record<string, readonly [offset: number, width: ConfigWidth]>>;

/** The registers of the header, by the layouts that have them. */
const REGISTERS: readonly (readonly [layouts: readonly Layout[], registers: Registers])[] = [
  [
    ['device', 'bridge', 'cardbus', 'unknown'],
    {
      ...{ VENDOR_ID: [0x00, 16], DEVICE_ID: [0x02, 16], COMMAND: [0x04, 16], STATUS: [0x06, 16], REVISION: [0x08, 8] },
      ...{ CLASS_PROG: [0x09, 8], CLASS_DEVICE: [0x0a, 16], CACHE_LINE_SIZE: [0x0c, 8], LATENCY_TIMER: [0x0d, 8] },
      ...{ HEADER_TYPE: [0x0e, 8], BIST: [0x0f, 8] },
    },
  ],
  [
    ['device', 'bridge'],
    {
      ...{ BASE_ADDRESS_0: [0x10, 32], BASE_ADDRESS_1: [0x14, 32], CAPABILITIES: [0x34, 8] },
      ...{ INTERRUPT_LINE: [0x3c, 8], INTERRUPT_PIN: [0x3d, 8] },
    },
  ],
  [
    ['device'],
    {
      ...{ BASE_ADDRESS_2: [0x18, 32], BASE_ADDRESS_3: [0x1c, 32], BASE_ADDRESS_4: [0x20, 32] },
      ...{ BASE_ADDRESS_5: [0x24, 32], CARDBUS_CIS: [0x28, 32], SUBSYSTEM_VENDOR_ID: [0x2c, 16] },
      ...{ SUBSYSTEM_ID: [0x2e, 16], ROM_ADDRESS: [0x30, 32], MIN_GNT: [0x3e, 8], MAX_LAT: [0x3f, 8] },
    },
  ],
  [
    ['bridge'],
    {
      ...{ PRIMARY_BUS: [0x18, 8], SECONDARY_BUS: [0x19, 8], SUBORDINATE_BUS: [0x1a, 8], SEC_LATENCY_TIMER: [0x1b, 8] },
      ...{ IO_BASE: [0x1c, 8], IO_LIMIT: [0x1d, 8], SEC_STATUS: [0x1e, 16], MEMORY_BASE: [0x20, 16] },
      ...{ MEMORY_LIMIT: [0x22, 16], PREF_MEMORY_BASE: [0x24, 16], PREF_MEMORY_LIMIT: [0x26, 16] },
      ...{ PREF_BASE_UPPER32: [0x28, 32], PREF_LIMIT_UPPER32: [0x2c, 32], IO_BASE_UPPER16: [0x30, 16] },
      ...{ IO_LIMIT_UPPER16: [0x32, 16], BRIDGE_ROM_ADDRESS: [0x38, 32], BRIDGE_CONTROL: [0x3e, 16] },
    },
  ],
  [
    ['cardbus'],
    {
      ...{ CB_CARDBUS_BASE: [0x10, 32], CB_CAPABILITIES: [0x14, 16], CB_SEC_STATUS: [0x16, 16] },
      ...{ CB_BUS_NUMBER: [0x18, 8], CB_CARDBUS_NUMBER: [0x19, 8], CB_SUBORDINATE_BUS: [0x1a, 8] },
      ...{ CB_CARDBUS_LATENCY: [0x1b, 8], CB_MEMORY_BASE_0: [0x1c, 32], CB_MEMORY_LIMIT_0: [0x20, 32] },
      ...{ CB_MEMORY_BASE_1: [0x24, 32], CB_MEMORY_LIMIT_1: [0x28, 32], CB_IO_BASE_0: [0x2c, 16] },
      ...{ CB_IO_BASE_0_HI: [0x2e, 16], CB_IO_LIMIT_0: [0x30, 16], CB_IO_LIMIT_0_HI: [0x32, 16] },
      ...{ CB_IO_BASE_1: [0x34, 16], CB_IO_BASE_1_HI: [0x36, 16], CB_IO_LIMIT_1: [0x38, 16] },
      ...{ CB_IO_LIMIT_1_HI: [0x3a, 16], CB_SUBSYSTEM_VENDOR_ID: [0x40, 16], CB_SUBSYSTEM_ID: [0x42, 16] },
      CB_LEGACY_MODE_BASE: [0x44, 32],
    },
  ],
];

/** By name: where, and in which layouts. */
export const REGISTER_NAMES: ReadonlyMap<string, NamedRegister> = new Map(
  REGISTERS.flatMap(([layouts, registers]) =>
    Object.entries(registers).map(([name, [offset, width]]) => [name, { offset, width, layouts }] as const),
  ),
);

interface NamedRegister {
  readonly offset: number;
  readonly width: ConfigWidth;
  readonly layouts: readonly Layout[];
}

/** By id, from 1. Names of our own tables are known beside them. */
const STANDARD =
  'PM AGP VPD SLOTID MSI CHSWP PCIX HT VNDR DBG CCRC HOTPLUG SSVID AGP3 SECURE EXP MSIX SATA AF EA'.split(' ');
const EXTENDED = (
  'AER VC DSN PB RCLINK RCILINK RCEC MFVC VC2 RBCB VNDR - ACS ARI ATS SRIOV MRIOV MCAST PRI - REBAR DPA TPH LTR SECPCI PMUX PASID LNR ' +
  'DPC L1PM PTM M_PCIE FRS RTR DVSEC VF_REBAR DLNK 16GT LMR HIER_ID NPEM 32GT - - - - - IDE 64GT FL'
).split(' ');

const WIDTHS: Readonly<Record<string, ConfigWidth>> = { b: 8, w: 16, l: 32 };
const MOST = { standard: 0xff, extended: 0xffff };

/** @throws UsageError for what is no such name. */
export function parsePlaceName(text: string, path = 'config'): PlaceName {
  const refuse = (reason: string, hint = "use one such as 'COMMAND', 'CAP_EXP+8.w', 'ECAP_AER+4.l' or '3c.b'") =>
    new UsageError({ path, attempted: `at('${text}')`, reason, hint });
  const match = /^([^+.@\s]+)((?:[+.@][0-9a-z]+)*)$/i.exec(text);
  if (match === null) throw refuse('not a name of a place');
  const [, base = '', suffixes = ''] = match;
  const given: Record<string, string> = {};
  for (const [, sign = '', value = ''] of suffixes.matchAll(/([+.@])([0-9a-z]+)/gi)) {
    if (given[sign] !== undefined) throw refuse(`'${sign}' twice`);
    given[sign] = value;
  }
  const number = (sign: '+' | '@') => {
    const digits = given[sign] ?? '0';
    if (!/^(0x)?[0-9a-f]+$/i.test(digits)) throw refuse(`'${digits}' is not a hexadecimal number`);
    return Number.parseInt(digits, 16);
  };
  const letter = given['.'];
  const width = letter === undefined ? undefined : WIDTHS[letter.toLowerCase()];
  if (letter !== undefined && width === undefined) throw refuse(`unknown width '.${letter}'`, 'use .b, .w or .l');
  const named = REGISTER_NAMES.get(base.toUpperCase());
  const capability = capabilityOf(base);
  if (capability !== undefined) {
    return { base: { ...capability, instance: number('@') }, offset: number('+'), width, layouts: undefined };
  }
  if (given['@'] !== undefined) throw refuse('only capabilities are counted with @');
  if (named !== undefined) {
    const { layouts } = named;
    return { base: 'start', offset: named.offset + number('+'), width: width ?? named.width, layouts };
  }
  if (!/^(0x)?[0-9a-f]{1,4}$/i.test(base)) throw refuse(`no register is called '${base}'`);
  return { base: 'start', offset: Number.parseInt(base, 16) + number('+'), width, layouts: undefined };
}

/** 'CAP_EXP', 'ECAP_AER', 'CAP10', 'ECAP0001': the id, where it is known or given. */
function capabilityOf(base: string): { readonly extended: boolean; readonly id: number } | undefined {
  const [, prefix, name, digits] = /^(E?CAP)(?:_(\w+)|([0-9a-f]+))$/i.exec(base) ?? [];
  if (prefix === undefined) return undefined;
  const extended = prefix.length === 4;
  if (digits !== undefined) {
    const id = Number.parseInt(digits, 16);
    return id <= MOST[extended ? 'extended' : 'standard'] ? { extended, id } : undefined;
  }
  const upper = (name ?? '').toUpperCase();
  const index = (extended ? EXTENDED : STANDARD).indexOf(upper);
  const id = index >= 0 ? index + 1 : CAPABILITIES.find((one) => one.extended === extended && one.name === upper)?.id;
  return id === undefined ? undefined : { extended, id };
}

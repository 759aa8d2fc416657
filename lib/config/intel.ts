/** Intel's vendor-specific capability: what a host bridge has fused off. Ref: Core Processor Family Datasheet vol. 2, CAPID0_A to C */
import { r8, r32 } from '../map.js';
import { type Capability, holds, type Place } from './capability.js';
import type { Space } from './space.js';
import { flags, hex, sign } from './words.js';

export const INTEL_REGISTERS = {
  INTEL: r8(0x03, { TYPE: [7, 4, { Capabilities: 0, 'Feature Detection': 1 }], VERSION: [3, 0] }, 'ro'),
  INTEL_A: r32(
    0x04,
    {
      PEG60_DISABLE: 31,
      PEG12_DISABLE: 30,
      PEG11_DISABLE: 29,
      PEG10_DISABLE: 28,
      PEG_WIDTH_UPCONFIG_DISABLE: 27,
      DMI_WIDTH: [26, 26, { x4: 0, x2: 1 }],
      ECC_DISABLE: 25,
      FORCE_ECC: 24,
      VTD_DISABLE: 23,
      DMI_GEN2_DISABLE: 22,
      PEG_GEN2_DISABLE: 21,
      DDR_SIZE: [20, 19, { Unlimited: 0, '8GB/chan': 1, '2GB/chan': 2, '0.5GB/chan': 3 }],
      DIMM_1N_DISABLE: 17,
      CAMARILLO_DISABLE: 15,
      DDPC_DISABLE: 14,
      X2APIC: 13,
      PDC_DISABLE: 12,
      GRAPHICS_DISABLE: 11,
      CDID: [9, 8],
      CRID: [7, 4],
      DDR_OVERCLOCKING: 3,
      OVERCLOCKING: 2,
      DDR_WRITE_VREF: 1,
      DDR3L: 0,
    },
    'ro',
  ),
  INTEL_B: r32(
    0x08,
    {
      IMAGING_DISABLE: 31,
      OVERCLOCKING_CAPABLE: 30,
      OVERCLOCKING: 29,
      SMT: 28,
      CACHE_SIZE: [27, 25],
      SOFT_BIN: 24,
      DDR3_FREQUENCY_100: [23, 21],
      PEG_GEN3_DISABLE: 20,
      PACKAGE_TYPE: 19,
      ADDED_GRAPHICS: 18,
      ADDED_GRAPHICS_CAPABLE: 17,
      PEG_X16_DISABLE: 16,
      DMI_GEN3_DISABLE: 15,
      GMM_DISABLE: 8,
      DDR3_FREQUENCY: [6, 4],
      LPDDR3: 2,
    },
    'ro',
  ),
  INTEL_C: r32(
    0x0c,
    {
      PEG_GEN4_DISABLE: 28,
      DDR4_FREQUENCY: [26, 23],
      LPDDR: 22,
      LPDDR4_FREQUENCY: [20, 17],
      LPDDR4: 16,
      QCLK_GV_DISABLE: 14,
      SGX_DISABLE: 9,
      BCLK_OVERCLOCKING: [8, 7, { Disabled: 0, '115MHz': 1, '130MHz': 2, Unlimited: 3 }],
      IDD_DISABLE: 6,
      PIPE3_DISABLE: 5,
      GEAR1_FREQUENCY: [3, 0],
    },
    'ro',
  ),
};
type Intel = Pick<Capability<typeof INTEL_REGISTERS>, keyof typeof INTEL_REGISTERS> &
  Place & { readonly LENGTH: number };

/** The only version whose registers are known. */
const VERSION = 1;
const KNOWN_TYPES = 2;

/** lspci's lines. Where the length runs past the bytes, the last is what it says of an unknown vendor's. */
export function* intelLines(intel: Intel, space: Space): Generator<string> {
  const { TYPE, VERSION: version, raw } = intel.INTEL;
  const type = raw >> 4;
  const words = type === 0 ? `${TYPE} v${version}` : type < KNOWN_TYPES ? `${TYPE}` : '<unknown>';
  yield `Vendor Specific Information: Intel ${words}`;
  if (type !== 0 || version !== VERSION) return;
  if (!holds(space, intel, 0, intel.LENGTH)) {
    yield `Len=${hex(intel.LENGTH, 2)} <?>`;
    return;
  }
  if (intel.LENGTH >= 8) yield* first(intel.INTEL_A);
  if (intel.LENGTH >= 12) yield* second(intel.INTEL_B);
  if (intel.LENGTH >= 16) yield* third(intel.INTEL_C);
}

function* first(a: Intel['INTEL_A']): Generator<string> {
  yield `\tCapA: ${flags(a, { Peg60Dis: 'PEG60_DISABLE', Peg12Dis: 'PEG12_DISABLE', Peg11Dis: 'PEG11_DISABLE', Peg10Dis: 'PEG10_DISABLE', PeLWUDis: 'PEG_WIDTH_UPCONFIG_DISABLE' })} DmiWidth=${a.DMI_WIDTH}`;
  yield `\t      ${flags(a, { EccDis: 'ECC_DISABLE', ForceEccEn: 'FORCE_ECC', VTdDis: 'VTD_DISABLE', DmiG2Dis: 'DMI_GEN2_DISABLE', PegG2Dis: 'PEG_GEN2_DISABLE' })} DDRMaxSize=${a.DDR_SIZE}`;
  yield `\t      ${flags(a, { '1NDis': 'DIMM_1N_DISABLE', CDDis: 'CAMARILLO_DISABLE', DDPCDis: 'DDPC_DISABLE', X2APICEn: 'X2APIC', PDCDis: 'PDC_DISABLE', IGDis: 'GRAPHICS_DISABLE' })} CDID=${a.CDID} CRID=${a.CRID}`;
  yield `\t      ${flags(a, { DDROCCAP: 'DDR_OVERCLOCKING', OCEn: 'OVERCLOCKING', DDRWrtVrefEn: 'DDR_WRITE_VREF', DDR3LEn: 'DDR3L' })}`;
}

const MHZ_PER_STEP = 266.6;

function* second(b: Intel['INTEL_B']): Generator<string> {
  const hundreds = b.DDR3_FREQUENCY_100;
  const frequency = hundreds === 0 ? 'Disabled' : hundreds === 7 ? 'Unlimited' : `${(6 + hundreds) * 200}MHz`;
  yield `\tCapB: ${flags(b, { ImguDis: 'IMAGING_DISABLE', OCbySSKUCap: 'OVERCLOCKING_CAPABLE', OCbySSKUEn: 'OVERCLOCKING', SMTCap: 'SMT' })} CacheSzCap 0x${hex(b.CACHE_SIZE)}`;
  yield `\t      SoftBinCap${sign(b.SOFT_BIN)} DDR3MaxFreqWithRef100=${frequency} PegG3Dis${sign(b.PEG_GEN3_DISABLE)}`;
  yield `\t      ${flags(b, { PkgTyp: 'PACKAGE_TYPE', AddGfxEn: 'ADDED_GRAPHICS', AddGfxCap: 'ADDED_GRAPHICS_CAPABLE', PegX16Dis: 'PEG_X16_DISABLE', DmiG3Dis: 'DMI_GEN3_DISABLE', GmmDis: 'GMM_DISABLE' })}`;
  // lspci takes two of the three bits.
  const steps = 11 - (b.DDR3_FREQUENCY & 3);
  yield `\t      DDR3MaxFreq=${Math.floor(steps * MHZ_PER_STEP)}MHz LPDDR3En${sign(b.LPDDR3)}`;
}

function* third(c: Intel['INTEL_C']): Generator<string> {
  // lspci has the frequency of gear 1 for all three.
  const frequency = (code: number) => (code === 0 ? 'Unlimited' : `${Math.floor(c.GEAR1_FREQUENCY * MHZ_PER_STEP)}MHz`);
  yield `\tCapC: PegG4Dis${sign(c.PEG_GEN4_DISABLE)} DDR4MaxFreq=${frequency(c.DDR4_FREQUENCY)} LPDDREn${sign(c.LPDDR)} LPDDR4MaxFreq=${frequency(c.LPDDR4_FREQUENCY)} LPDDR4En${sign(c.LPDDR4)}`;
  yield `\t      ${flags(c, { QClkGvDis: 'QCLK_GV_DISABLE', SgxDis: 'SGX_DISABLE' })} BClkOC=${c.BCLK_OVERCLOCKING} ${flags(c, { IddDis: 'IDD_DISABLE', Pipe3Dis: 'PIPE3_DISABLE' })} Gear1MaxFreq=${frequency(c.GEAR1_FREQUENCY)}`;
}

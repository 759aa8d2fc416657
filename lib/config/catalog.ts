/** Every capability that is known, by the family's file. */
import { AER } from './aer.js';
import { EA } from './allocation.js';
import { DLNK, DPA, FRS, HIER_ID, LNR, M_PCIE, MFVC, MRIOV, NPEM, PB, PMUX, RTR } from './budget.js';
import type { CapabilitySpec } from './capability.js';
import { VC, VC9 } from './channels.js';
import { DEV3 } from './device3.js';
import { DVSEC } from './dvsec.js';
import { EXP } from './express-text.js';
import { FLIT_EI, FLIT_LOG } from './flit.js';
import type { RegisterSpec } from '../map.js';
import { MCAST, RCECOLL } from './groups.js';
import { HT } from './hypertransport-text.js';
import { IDE } from './ide.js';
import { DPC, DSN, L1PM, LTR, PTM } from './link.js';
import { MMIO_RBL } from './locator.js';
import { MSI, MSIX } from './msi.js';
import { AGP, AGP3, PCIX } from './parallel.js';
import { LMR, PL16GT, PL32GT, PL64GT, SECPCI } from './physical.js';
import { PM } from './power.js';
import { REBAR, VF_REBAR } from './resizable.js';
import { RCILINK, RCLINK, RCRB } from './root.js';
import { ACS, ARI, ATS, PASID, PRI, SRIOV } from './routing.js';
import { AF, CCRC, CHSWP, DBG, HOTPLUG, SATA, SECURE, SLOTID, SSVID } from './small.js';
import { VNDR } from './vendor.js';
import { VPD } from './vpd.js';
import { DOE, TPH, VSEC } from './vendor-extended.js';

const TABLE = {
  ...{
    PM,
    AGP,
    PCIX,
    HT,
    EA,
    VPD,
    SLOTID,
    MSI,
    CHSWP,
    VNDR,
    DBG,
    CCRC,
    HOTPLUG,
    SSVID,
    AGP3,
    SECURE,
    EXP,
    MSIX,
    SATA,
    AF,
  },
  ...{ AER, DSN, ACS, ARI, ATS, SRIOV, PRI, LTR, SECPCI, PASID, DPC, L1PM, PTM, LMR },
  ...{ VC, VC9, VSEC, DVSEC, REBAR, VF_REBAR, TPH, DOE, PB, RCILINK, MFVC, RCRB, MRIOV, DPA, LNR, M_PCIE, FRS, RTR },
  ...{ MCAST, RCLINK, RCECOLL, DEV3, DLNK, HIER_ID, NPEM, PMUX, IDE, MMIO_RBL, FLIT_LOG, FLIT_EI },
  ...{ '16GT': PL16GT, '32GT': PL32GT, '64GT': PL64GT },
  // Named here, the declaration that every kernel reads imports its types once, not at each of a thousand registers.
} satisfies Readonly<Record<string, { readonly registers: Readonly<Record<string, RegisterSpec>> }>>;

/** Capability names as setpci has them: what `dev.cap()` takes. */
export type CapabilityName = keyof typeof TABLE;

/** The registers of a capability, by its name. */
export type CapabilityRegisters<N extends CapabilityName> = (typeof TABLE)[N]['registers'];

// A declaration's functions take its own registers; behind the table, each is only given what it decoded itself.
export const CAPABILITIES = Object.values(TABLE) as unknown as readonly CapabilitySpec[];

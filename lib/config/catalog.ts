/** Every capability that is known, by the family's file. */
import type { CapabilitySpec } from './capability.js';
import { EXP } from './express-text.js';
import { MSI, MSIX } from './msi.js';
import { PM } from './power.js';
import { AF, AGP3, CCRC, CHSWP, DBG, HOTPLUG, SATA, SECURE, SLOTID, SSVID, VPD } from './small.js';
import { VNDR } from './vendor.js';

const TABLE = { PM, VPD, VNDR, MSI, MSIX, EXP, SSVID, AF, SATA, SLOTID, DBG, HOTPLUG, CHSWP, CCRC, AGP3, SECURE };

/** Capability names as setpci has them: what `dev.cap()` takes. */
export type CapabilityName = keyof typeof TABLE;

/** The registers of a capability, by its name. */
export type CapabilityRegisters<N extends CapabilityName> = (typeof TABLE)[N]['registers'];

// A declaration's functions take its own registers; behind the table, each is only given what it decoded itself.
export const CAPABILITIES = Object.values(TABLE) as unknown as readonly CapabilitySpec[];

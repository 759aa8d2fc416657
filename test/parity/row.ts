/** A row of the parity table, and the names of the files that most rows point to. */

export interface Row {
  /** What is done there, in its own words where it has some. */
  readonly there: string;
  /** How it is done here. */
  readonly here: string;
  /** Names behind it: an export, 'Class.member', 'command NAME', or 'cell NAME' for what only cells have. */
  readonly api: readonly string[];
  /** The file below test/, and the test's name in it, '*' for what a template fills in. */
  readonly shown: readonly (readonly [file: string, test: string])[];
  /** Why no kernel is needed for it; else one of the tests runs in the guest. */
  readonly anywhere?: string;
  /** What a kernel must be built with for it, as no stock Debian kernel is; else one of the tests runs on every kernel. */
  readonly kernel?: 'IOMMUFD' | 'VFIO_NOIOMMU';
}

export const CONTRACT = 'contract.ts';
export const BRINGUP = 'contract/bringup.ts';
export const DMA = 'contract/dma.ts';
export const IRQS = 'contract/irqs.ts';
export const MEMORY = 'contract/memory.ts';
export const REGIONS = 'contract/regions.ts';
export const REGISTERS = 'contract/registers.ts';
export const VECTORS = 'contract/vectors.ts';
export const inside = (name: string): string => `vm/inside/${name}.ts`;

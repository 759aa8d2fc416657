/** The public face of vfiolab. */
export type { DmaAccess, Iova, IovaRange, IrqInfo, IrqName, RegionInfo, Value, Width } from './backend.js';
export { HEADER } from './config/header.js';
export type { Device, Identity } from './device.js';
export type { DmaBuffer, DmaOptions } from './dma.js';
export { BusError, ClosedError, LabError, SystemError, TimeoutError, UsageError } from './errors.js';
export { type HexdumpOptions, hexdump } from './hexdump.js';
export { EDU, EDU_BUFFER, EDU_DMA_MASK } from './hw/edu.js';
export type { Irq, WaitOptions } from './irq.js';
export { open } from './open.js';
export type { Region } from './region.js';
export { type Access, type RegisterMap, type Registers, r8, r16, r32, r64 } from './registers.js';
export { type Cell, type Tone, VIEW, View, type Viewable } from './view.js';

/** The public face of vfiolab. */
export type {
  DmaAccess,
  Feature,
  HotResetMember,
  Iova,
  IovaRange,
  IrqInfo,
  IrqName,
  RegionInfo,
  Value,
  Width,
} from './backend.js';
export type { Leak, Leaks } from './buffers.js';
export { type Progress, progress } from './cell.js';
export type { ConfigPatch, ConfigRegister, ConfigValue } from './config/at.js';
export type { Bar, Rom } from './config/bars.js';
export type { Capability } from './config/capability.js';
export type { CapabilityName } from './config/catalog.js';
export type { Config } from './config/config.js';
export type { Description } from './config/describe.js';
export { HEADER } from './config/header.js';
export type { HeaderData } from './config/layout.js';
export { lspciText } from './config/text.js';
export { type VpdField, type VpdRecord, vpdRecords } from './config/vpd.js';
export type { AnyCapability, KnownCapability, UnknownCapability } from './config/walk.js';
export type { Window } from './config/windows.js';
export type { CardEvent, Device } from './device.js';
export { type DmaBuffer, type DmaOptions, GuardError, type PageSize } from './dma.js';
export { BusError, ClosedError, GoneError, LabError, SystemError, TimeoutError, UsageError } from './errors.js';
export type { Enum, FieldSpec, Fields, FieldValues, Patch, RegisterValue, Unit } from './fields.js';
export type { Firing, WaitOptions } from './firings.js';
export type { Breach, GuardReport } from './guard.js';
export { hexdiff } from './hexdiff.js';
export { type HexdumpOptions, hexdump, type Stretch } from './hexdump.js';
export { type Bucket, Histogram } from './histogram.js';
export { type BindOptions, bind, type Change, type Move, release } from './host/bind.js';
export { type Diagnosis, type DoctorOptions, doctor } from './host/doctor.js';
export type { Finding } from './host/finding.js';
export { type Holder, holders } from './host/holders.js';
export type { Host } from './host/host.js';
export { list, type PciFunction, type PciFunctions, type VfioState } from './host/list.js';
export { enableVfs } from './host/sriov.js';
export type { HotResetDevices } from './hot-reset.js';
export { DFH, type DfhFeature, type DfhFeatures, dfhWalk } from './hw/dfh.js';
export { EDU, EDU_BUFFER, EDU_DMA_MASK } from './hw/edu.js';
export { type LitexCsr, type LitexRegister, litexMap } from './hw/litex.js';
export type { Identity } from './identity.js';
export { type BenchOptions, firings, type Irq, waitAny } from './irq.js';
export type { Vectors } from './irqs.js';
export { type Access, type RegisterMap, type RegisterOptions, type RegisterSpec, r8, r16, r32, r64 } from './map.js';
export { type OpenOptions, open } from './open.js';
export { pageMemory } from './pages.js';
export type { Difference, Pattern, Run } from './pattern.js';
export { type BarPlot, type LinePlot, type Plot, sparkline } from './plot.js';
export type { Region } from './region.js';
export type {
  BoundRegister,
  Elements,
  Modifiable,
  Readable,
  ReadValue,
  Register,
  RegisterBlock,
  Registers,
  Writable,
  WriteValue,
} from './registers.js';
export { type Sample, type Sampled, type SampleOptions, Series, sample } from './series.js';
export { Snapshot, snapshot } from './snapshot.js';
export type { DeviceStatus, SeenCommand, SeenLink, StatusData } from './status.js';
export {
  type Bits,
  type Member,
  type StructBlock,
  type StructLayout,
  type StructView,
  u8,
  u16,
  u32,
  u64,
} from './struct.js';
export type { Unmasker } from './unmask.js';
export { type UntilOptions, until } from './until.js';
export { type Cell, type CellLike, Shown, type Tone, VIEW, View, type Viewable, type ViewData } from './view.js';

/** What a program on the kernel's VFIO itself can do. */
import { CONTRACT, IRQS, inside, MEMORY, type Row, VECTORS } from './row.js';

export const VFIO: readonly Row[] = [
  {
    there: 'the group path: container, viability, IOMMU and its capabilities, device',
    here: "open('group:0000:03:00.0')",
    api: ['open'],
    shown: [
      [inside('group'), 'edu as the kernel tells it'],
      ['access.test.ts', 'IOVA ranges come from the kernel; one that does not say gets 39 bits without the MSI window'],
    ],
  },
  {
    there: 'the iommufd path: bind, IOAS, attach, map, unmap, ranges',
    kernel: 'IOMMUFD',
    here: "open('iommufd:0000:03:00.0'); a plain BDF takes it where it may",
    api: ['open', 'Device.spec'],
    shown: [
      [inside('together'), 'a plain BDF takes iommufd where it is there, else the group, and the device says which'],
      [inside('errnos'), 'the errnos of an IOAS and of its device, each in words'],
    ],
  },
  {
    there: 'what the IOMMU is: IOMMU_GET_HW_INFO',
    kernel: 'IOMMUFD',
    here: "dev.driver: 'vfio-pci, iommufd, VT-d'",
    api: ['Device.driver'],
    shown: [
      [inside('together'), 'a plain BDF takes iommufd where it is there, else the group, and the device says which'],
    ],
  },
  {
    there: 'mappings that the card may only read, or only write',
    here: "dev.dma(size, { access: 'r' })",
    api: ['Device.dma'],
    shown: [[MEMORY, 'memory that the device may only read keeps what the device writes out']],
  },
  {
    there: 'regions and interrupts with their flags and capability chains',
    here: 'dev.regions, dev.irqs',
    api: ['Device.regions', 'Device.irqs'],
    shown: [
      [inside('group'), 'e1000e: two memory BARs, I/O ports, an MSI-X BAR and a ROM, each as what it is'],
      ['access.test.ts', 'all capabilities of a region count, whatever their order'],
    ],
  },
  {
    there: 'SET_IRQS with nothing, with booleans, with eventfds; mask, unmask, trigger',
    here: 'irq.mask(), irq.unmask(), irq.trigger()',
    api: ['Irq.mask', 'Irq.unmask', 'Irq.trigger'],
    shown: [
      [inside('verbs'), 'MSI: a firing of the card arrives, and so does one from software'],
      [inside('verbs'), 'INTx: masked when it fires, unmasked on request, again at once while the line is high'],
      [IRQS, 'a software trigger goes the whole way from the kernel'],
    ],
  },
  {
    there: 'unmasking by an eventfd',
    here: 'irq.unmaskBy()',
    api: ['Irq.unmaskBy'],
    shown: [[VECTORS, 'INTx is unmasked by an eventfd, as it is by a call']],
  },
  {
    there: 'the reset of a device',
    here: 'dev.reset()',
    api: ['Device.reset'],
    shown: [
      [CONTRACT, 'config space is restored; buffers and interrupts live on'],
      [VECTORS, 'a reset keeps counts and what is masked, and the interrupt goes on'],
    ],
  },
  {
    there: 'the hot reset of a bus, with the list of those it concerns',
    here: 'dev.hotResetDevices(), dev.hotReset()',
    api: ['Device.hotReset', 'Device.hotResetDevices'],
    shown: [
      [inside('resets'), '*: a hot reset keeps config space, buffers and vectors'],
      [inside('resets'), 'behind one bridge: not viable while one has another driver, then all are reset together'],
    ],
  },
  {
    there: 'DEVICE_FEATURE: what the kernel offers for the device; low power',
    here: 'dev.features(), dev.lowPower(true)',
    api: ['Device.features', 'Device.lowPower'],
    shown: [[inside('resets'), '*: in low power too, until it is taken out']],
  },
  {
    there: 'ERR and REQ interrupts',
    here: "dev.enableIrqs('req'), dev.onEvent(listener)",
    api: ['Device.enableIrqs', 'Device.onEvent'],
    shown: [
      [inside('vectors'), '*: every kind of interrupt, and the best one first'],
      [inside('gone'), 'an error of the bus is told, and the card stays open'],
    ],
  },
  {
    there: 'no-IOMMU mode, for who asks for it by name',
    kernel: 'VFIO_NOIOMMU',
    here: "open('noiommu:0000:03:00.0', { unsafe: true })",
    api: ['open'],
    shown: [
      [inside('noiommu'), 'refused without the word for it, naming the risk; before any file is opened'],
      [inside('noiommu'), 'DMA to and from pages of 4 KiB and 2 MiB, interrupts, a warning'],
    ],
  },
  {
    there: 'the structs and numbers of the kernel’s headers',
    here: 'lib/uapi.ts, by hand',
    api: [],
    shown: [['uapi.test.ts', 'numbers and layouts are those of linux/vfio.h and linux/iommufd.h']],
    anywhere: 'headers are compared',
  },
];

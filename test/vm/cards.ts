/**
 * The cards in the guest, as QEMU's -device arguments, and their BDFs. Each root port has its place written down, so that
 * the firmware numbers the buses as here.
 */

/** Behind a root port of its own: alone in its IOMMU group, and it can be reset. */
export const EDU = '0000:01:00.0';
/** 65 MSI-X vectors in hardware, 9 here; no MSI. */
export const NVME = '0000:02:00.0';
/** Two MMIO BARs, an I/O BAR, an MSI-X BAR, a ROM; MSI and 5 MSI-X vectors. */
export const E1000E = '0000:03:00.0';
/** Two edu behind one conventional bridge: one IOMMU group, not viable while SHARED_OTHER has its own driver. */
export const SHARED = ['0000:05:01.0', '0000:05:02.0'] as const;
/** Behind the same bridge: a virtio-rng, which virtio-pci takes at boot. */
export const SHARED_OTHER = '0000:05:03.0';
/** Another edu, behind a root port of its own. */
export const EDU_TOO = '0000:06:00.0';

const rootPort = (number: number): string =>
  `pcie-root-port,id=port${number},chassis=${number},slot=${number},addr=0x1${number}`;

export const CARDS = [
  rootPort(1),
  'edu,bus=port1',
  rootPort(2),
  'nvme-subsys,id=subsystem',
  'nvme,serial=vfiolab,subsys=subsystem,bus=port2,msix_qsize=9,max_ioqpairs=6',
  rootPort(3),
  'e1000e,bus=port3',
  rootPort(4),
  'pcie-pci-bridge,id=bridge,bus=port4',
  'edu,bus=bridge,addr=1',
  'edu,bus=bridge,addr=2',
  'virtio-rng-pci,bus=bridge,addr=3,disable-legacy=on',
  rootPort(5),
  'edu,bus=port5',
];

/**
 * The cards in the guest, as QEMU's -device arguments, and their BDFs. Each root port has its place written down, so that
 * the firmware numbers the buses as here.
 */

/** Behind a root port of its own: alone in its IOMMU group, and it can be reset. */
export const EDU = '0000:01:00.0';
/** 11 MSI-X vectors, of which two are kept for the VFs; no MSI. SR-IOV: two VFs, which it has when they are enabled. */
export const NVME = '0000:02:00.0';
export const NVME_VFS = ['0000:02:00.1', '0000:02:00.2'] as const;
/** Two MMIO BARs, an I/O BAR, an MSI-X BAR, a ROM; MSI and 5 MSI-X vectors. */
export const E1000E = '0000:03:00.0';
/** Two edu behind one conventional bridge: one IOMMU group, not viable while SHARED_OTHER has its own driver. */
export const SHARED = ['0000:05:01.0', '0000:05:02.0'] as const;
/** Behind the same bridge: a virtio-rng, which virtio-pci takes at boot. */
export const SHARED_OTHER = '0000:05:03.0';
/** Another edu, behind a root port of its own, that drives all 64 address bits. */
export const EDU_TOO = '0000:06:00.0';
/** MSI and 10 MSI-X vectors, SR-IOV. */
export const IGB = '0000:07:00.0';
/** The same card's second function, in an IOMMU group of its own: a hot reset of one is a hot reset of both. */
export const IGB_TOO = '0000:07:00.1';
/** Shared memory as a prefetchable 64-bit BAR 2; no interrupt in this variant. */
export const IVSHMEM = '0000:08:00.0';
/** A BAR of memory and one of I/O ports, no interrupt at all. */
export const TESTDEV = '0000:09:00.0';

/** A virtio disk. It reports errors (AER), as no other card here: QEMU's others cannot be told to. */
export const DISK = '0000:0a:00.0';
export const DISK_SIZE: number = 2 ** 24;
/** A virtio network card. */
export const NETWORK = '0000:0b:00.0';

/** What ivshmem shows: 1 MiB. */
export const OBJECTS = ['memory-backend-ram,id=shared,size=1M,share=on'];

/** At more than 5 GT/s the kernel would wait after a hot reset for the link to say that it is up, which QEMU's does not say. */
const rootPort = (number: number): string =>
  `pcie-root-port,id=port${number},chassis=${number},slot=${number},addr=0x1${number.toString(16)},x-speed=5`;

export const CARDS = [
  rootPort(1),
  'edu,bus=port1',
  rootPort(2),
  'nvme-subsys,id=subsystem',
  'nvme,serial=vfiolab,subsys=subsystem,bus=port2,msix_qsize=11,max_ioqpairs=6,' +
    'sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2',
  rootPort(3),
  'e1000e,bus=port3',
  rootPort(4),
  'pcie-pci-bridge,id=bridge,bus=port4',
  'edu,bus=bridge,addr=1',
  'edu,bus=bridge,addr=2',
  'virtio-rng-pci,bus=bridge,addr=3,disable-legacy=on',
  rootPort(5),
  'edu,bus=port5,dma_mask=0xffffffffffffffff',
  rootPort(6),
  'igb,bus=port6,multifunction=on,addr=0.0,x-pcie-ari-nextfn-1=on',
  'igb,bus=port6,addr=0.1,romfile=',
  rootPort(7),
  'ivshmem-plain,bus=port7,memdev=shared',
  rootPort(8),
  'pci-testdev,bus=port8',
  rootPort(9),
  'virtio-blk-pci,id=disk,drive=disk,bus=port9,disable-legacy=on,aer=on',
  rootPort(10),
  'virtio-net-pci,bus=port10,disable-legacy=on,romfile=',
];

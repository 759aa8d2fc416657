/** A system call or ioctl that the kernel refused, as an error: each caller brings a table of what an errno means there. */
import { existsSync, readFileSync } from 'node:fs';
import { IRQ, type IovaRange, type IrqName } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { errnoName } from '../native.js';
import { bindHint, type GroupMember, groupMembers } from './sysfs.js';

/** Why, and what to do next. */
export type Cause = readonly [reason: string, hint: string];
/** By errno name; a getter where finding it out takes looking around. */
export type Causes = Readonly<Partial<Record<string, Cause>>>;

/** Holds wherever a caller has nothing better to say. */
const COMMON: Causes = {
  EMFILE: ['this process has no file descriptor left', 'raise the limit: ulimit -n'],
  ENODEV: ['the device is gone', 'check that it is still there: lspci -D; then open it again'],
};

/** 'intx', or 'irq7' where no kind has that index. */
export const irqName = (index: number): IrqName | `irq${number}` =>
  (Object.keys(IRQ) as IrqName[]).find((name) => IRQ[name] === index) ?? `irq${index}`;

/** Every member of a group must be out of its own driver's hands, since the IOMMU cannot tell them apart. */
export function notViable(bdf: string, group: number): Cause {
  const others = groupMembers(group).filter((member) => member.bdf !== bdf);
  const inTheWay = others.filter((member) => member.blocks);
  const list = (members: readonly GroupMember[]): string =>
    members.map((member) => `${member.bdf} (${member.driver ?? 'no driver'})`).join(', ');
  return [
    `group ${group} is not viable: in the way is ${list(inTheWay) || 'nobody that can be seen'}; other members: ${list(others) || 'none'}`,
    inTheWay[0] ? `give ${inTheWay.length > 1 ? 'each' : 'it'} to vfio-pci: ${bindHint(inTheWay[0].bdf)}` : 'try again',
  ];
}

/** For a card in no-IOMMU mode, which is to be asked for by name; undefined for others. */
export const withoutIommu = (bdf: string, group: number): Cause | undefined =>
  existsSync(`/dev/vfio/noiommu-${group}`)
    ? [
        'no IOMMU has the card',
        `boot with one: intel_iommu=on; or accept the risk: open('noiommu:${bdf}', { unsafe: true })`,
      ]
    : undefined;

/** Where a device cannot share the mappings of the other. */
export const BESIDE_HINT = "open both in one way: 'iommufd:BDF' or 'group:BDF' for each";

/** VFIO_DEVICE_SET_IRQS. */
export const SET_IRQS: Causes = {
  EINVAL: [
    'the kernel refuses it in this state: another kind of interrupt is enabled, or the vector is not',
    'disable the other kind first: INTx, MSI and MSI-X exclude each other',
  ],
  ENOTTY: ['the kernel cannot mask or unmask this kind', "mask it in the device's own registers"],
  ENOSPC: ['no interrupt vectors are left', 'enable fewer'],
  EBUSY: ['the interrupt line is shared with another driver, or unmasked by an eventfd already', 'use MSI or MSI-X'],
};

/** VFIO_IOMMU_MAP_DMA and IOMMU_IOAS_MAP of `size` bytes. */
export const mapDma = (size: number, ranges: readonly IovaRange[]): Causes => {
  const misplaced: Cause = [
    `size 0x${size.toString(16)} at this IOVA is not page-aligned or not in the IOMMU's ranges`,
    `the ranges are ${ranges.map(({ first, last }) => `0x${first.toString(16)}-0x${last.toString(16)}`).join(', ')}`,
  ];
  return {
    EEXIST: ['a part of these IOVAs is mapped already', 'free the buffer that is there, or take other IOVAs'],
    EINVAL: misplaced,
    // What ends past 64 bits: an IOAS, and since Linux 7 a container too.
    EOVERFLOW: misplaced,
    get ENOMEM() {
      return memlock(size);
    },
    EFAULT: ['the memory cannot be pinned', 'was the buffer released?'],
    ENOSPC: [
      "the container's limit of mappings is reached",
      'free buffers; or raise dma_entry_limit of vfio_iommu_type1',
    ],
  };
};

/** Mapped memory is locked memory, and a user may lock only so much. */
function memlock(size: number): Cause {
  const limit = /^Max locked memory\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 'unknown';
  return [
    `${size} more bytes of locked memory exceed the limit (RLIMIT_MEMLOCK ${limit} bytes), or memory is short`,
    'raise it: ulimit -l unlimited, or for good: echo "$USER - memlock unlimited" | sudo tee /etc/security/limits.d/vfio.conf; then log in again',
  ];
}

/** VFIO_IOMMU_UNMAP_DMA. */
export const UNMAP_DMA: Causes = {
  EINVAL: ['the range is a part of a mapping, or not page-aligned', 'unmap exactly what was mapped'],
  EOVERFLOW: ['the range ends past 64 bits', 'unmap exactly what was mapped'],
};

/** VFIO_IOMMU_UNMAP_DMA succeeds where less was mapped. @throws SystemError where it was less than `size` */
export function allUnmapped(done: bigint, size: number, path: string): void {
  if (done === BigInt(size)) return;
  const reason = `0x${done.toString(16)} of 0x${size.toString(16)} bytes were mapped there`;
  throw new SystemError({
    path,
    attempted: 'VFIO_IOMMU_UNMAP_DMA',
    reason,
    hint: 'unmap exactly what was mapped, once',
  });
}

/** What `dmaMap` cannot take. */
export const notPageMemory = (path: string): UsageError =>
  new UsageError({
    path,
    attempted: 'dmaMap',
    reason: 'the memory is not one that dmaAlloc() or dmaAdopt() gave, or was released',
    hint: 'allocate it with dmaAlloc()',
  });

/** The result, or, where it is -errno, a SystemError that says what was attempted, why it failed and what to do. */
export function granted(result: number, path: string, attempted: string, causes: Causes = {}): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  const [reason, hint] = causes[errno] ??
    COMMON[errno] ?? ['the kernel refused', "see the end of the kernel's log: dmesg | tail"];
  throw new SystemError({ path, attempted, reason, errno, hint });
}

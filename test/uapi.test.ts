/** Every number and struct layout of lib/uapi.ts, against the newest kernel's headers: a C program prints them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { IRQ, REGION } from '../lib/backend.js';
import * as uapi from '../lib/uapi.js';
import { needs } from './needs.js';
import { HEADERS_ROOT } from './vm/parts.js';

const structs = Object.values(uapi).filter((value) => value instanceof uapi.Struct);
const NUMBERS = { ...uapi.IOCTL, ...uapi.FLAG, ...uapi.FEATURE };

/** What lib/uapi.ts says, a line each, in the order of the C program. */
function ours(): string[] {
  const numbers = Object.entries(NUMBERS).map(([name, value]) => `${name} ${value}`);
  const layouts = structs.flatMap(({ name, fields, size }) => [
    ...Object.entries(fields).map(([field, [offset, bytes]]) => `${name}.${field} ${offset} ${bytes}`),
    `${name} ends at ${size}`,
  ]);
  return [...numbers, ...layouts];
}

/** The same lines, from the compiler. */
function program(): string {
  const numbers = Object.keys(NUMBERS).map((name) => `printf("${name} %llu\\n", (unsigned long long)(${name}));`);
  const layouts = structs.flatMap(({ name, fields }) => {
    const at = (field: string) => `offsetof(struct ${name}, ${field})`;
    const size = (field: string) => `sizeof(((struct ${name} *)0)->${field})`;
    const names = Object.keys(fields);
    return [
      ...names.map((field) => `printf("${name}.${field} %zu %zu\\n", ${at(field)}, ${size(field)});`),
      `printf("${name} ends at %zu\\n", ${at(names.at(-1) ?? '')} + ${size(names.at(-1) ?? '')});`,
    ];
  });
  return `#include <linux/vfio.h>\n#include <linux/iommufd.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n${[...numbers, ...layouts].join('\n')}\n}\n`;
}

/** Structs that are followed by an array, or that the kernel reads as a whole: nothing may come after the last field. */
const { GROUP_STATUS, REGION_INFO, IRQ_INFO, IRQ_SET, DMA_MAP, DMA_UNMAP } = uapi;
const { HOT_RESET_INFO, HOT_RESET_DEVICE, HOT_RESET, DEVICE_FEATURE } = uapi;
const { IOAS_ALLOC, IOAS_IOVA_RANGES, IOAS_RANGE, IOAS_MAP, IOAS_UNMAP } = uapi;
const { CAP_HEADER, CAP_SPARSE_MMAP, SPARSE_AREA, CAP_IOVA_RANGE, IOVA_RANGE } = uapi;
const WHOLE: readonly { name: string; size: number }[] = [
  ...[GROUP_STATUS, REGION_INFO, IRQ_INFO, IRQ_SET, DMA_MAP, DMA_UNMAP],
  ...[HOT_RESET_INFO, HOT_RESET_DEVICE, HOT_RESET, DEVICE_FEATURE],
  ...[IOAS_ALLOC, IOAS_IOVA_RANGES, IOAS_RANGE, IOAS_MAP, IOAS_UNMAP],
  ...[CAP_HEADER, CAP_SPARSE_MMAP, SPARSE_AREA, CAP_IOVA_RANGE, IOVA_RANGE],
];

test('numbers and layouts are those of linux/vfio.h and linux/iommufd.h', needs('cc', 'headers'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-uapi-'));
  try {
    const whole = WHOLE.map(({ name }) => `printf("sizeof ${name} %zu\\n", sizeof(struct ${name}));`);
    writeFileSync(join(folder, 'uapi.c'), program().replace(/}\n$/, `${whole.join('\n')}\n}\n`));
    const include = join(HEADERS_ROOT, 'usr/include');
    const machine = execFileSync('cc', ['-print-multiarch'], { encoding: 'utf8' }).trim();
    execFileSync(
      'cc',
      ['-isystem', include, '-isystem', join(include, machine), '-o', join(folder, 'uapi'), join(folder, 'uapi.c')],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    const theirs = execFileSync(join(folder, 'uapi'), { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual([...ours(), ...WHOLE.map(({ name, size }) => `sizeof ${name} ${size}`)], theirs);
    assert.ok(theirs.length > 100);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the indices of the seam are those of the kernel', () => {
  const { FLAG } = uapi;
  assert.deepEqual(
    [REGION.BAR0, REGION.BAR5, REGION.ROM, REGION.CONFIG, REGION.VGA],
    [
      FLAG.VFIO_PCI_BAR0_REGION_INDEX,
      FLAG.VFIO_PCI_BAR5_REGION_INDEX,
      FLAG.VFIO_PCI_ROM_REGION_INDEX,
      FLAG.VFIO_PCI_CONFIG_REGION_INDEX,
      FLAG.VFIO_PCI_VGA_REGION_INDEX,
    ],
  );
  assert.deepEqual(IRQ, {
    intx: FLAG.VFIO_PCI_INTX_IRQ_INDEX,
    msi: FLAG.VFIO_PCI_MSI_IRQ_INDEX,
    msix: FLAG.VFIO_PCI_MSIX_IRQ_INDEX,
    err: FLAG.VFIO_PCI_ERR_IRQ_INDEX,
    req: FLAG.VFIO_PCI_REQ_IRQ_INDEX,
  });
});

test('a struct packs and unpacks, argsz counts the tail, a chain that loops ends', () => {
  const bytes = uapi.DMA_MAP.pack({ flags: 3, vaddr: 0xffff_ffff_ffffn, iova: 1n << 63n, size: 4096n });
  assert.deepEqual(uapi.DMA_MAP.unpack(bytes), {
    argsz: 32,
    flags: 3,
    vaddr: 0xffff_ffff_ffffn,
    iova: 1n << 63n,
    size: 4096n,
  });
  assert.equal(uapi.IRQ_SET.unpack(uapi.IRQ_SET.pack({}, new Uint8Array(12))).argsz, 32);
  const chain = new Uint8Array(64);
  chain.set(uapi.CAP_HEADER.pack({ id: 7, next: 40 }), 32);
  chain.set(uapi.CAP_HEADER.pack({ id: 9, next: 32 }), 40);
  assert.deepEqual(
    [...uapi.capabilities(chain, 32)],
    [
      { id: 7, at: 32 },
      { id: 9, at: 40 },
    ],
  );
  assert.deepEqual([...uapi.capabilities(chain, 60)], []);
});

/**
 * The guest's initramfs: busybox, our init, and the modules of a kernel that needs some; a newc archive, not compressed.
 * Ref: Linux Documentation/driver-api/early-userspace/buffer-format.rst
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly data?: Buffer;
  /** Device number of a character device, [major, minor]. */
  readonly device?: readonly [number, number];
}

const DIRECTORY = 0o040755;
const EXECUTABLE = 0o100755;
const CHARACTER_DEVICE = 0o020600;

function record({ path, mode, data = Buffer.alloc(0), device = [0, 0] }: Entry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, device[0], device[1], name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  const padded = (...parts: Buffer[]): Buffer => {
    const whole = Buffer.concat(parts);
    return Buffer.concat([whole, Buffer.alloc(-whole.length & 3)]);
  };
  return Buffer.concat([padded(header, name), padded(data)]);
}

const archive = (entries: readonly Entry[]): Buffer =>
  Buffer.concat([...entries, { path: 'TRAILER!!!', mode: 0 }].map((entry, index) => record(entry, index + 1)));

/** What the guest needs as modules where it is not built in; each one's own dependencies are found in its .modinfo, but for ext4's checksum. */
const MODULES = [
  'virtio_pci',
  'virtio_console',
  '9pnet_virtio',
  '9p',
  'overlay',
  'vfio_iommu_type1',
  'vfio_pci',
  'uio_pci_generic',
  'nvme',
  'crc32c_generic',
  'ext4',
  'virtio_blk',
  'virtio_net',
];

const unpackers: Record<string, string> = { xz: 'xz', zst: 'zstd', gz: 'gzip' };

/** The named modules of the folder and all they depend on, in the order they load. Names not there are built in. */
export function moduleOrder(folder: string, names: readonly string[]): { name: string; data: Buffer }[] {
  const plain = (name: string): string => name.replaceAll('-', '_');
  const files = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = /^(.*)\.ko(\.\w+)?$/.exec(basename(path));
    if (file?.[1]) files.set(plain(file[1]), join(folder, path));
  }
  const order = new Map<string, Buffer>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (!file || order.has(name)) return;
    const unpack = unpackers[file.slice(file.lastIndexOf('.') + 1)];
    const data = unpack ? spawnSync(unpack, ['-dc', file], { maxBuffer: 2 ** 28 }).stdout : readFileSync(file);
    const depends = /\0depends=([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
    for (const other of depends.split(',').filter(Boolean)) add(plain(other));
    order.set(name, data);
  };
  for (const name of names) add(name);
  return [...order].map(([name, data]) => ({ name: `${name}.ko`, data }));
}

/** The whole archive: `busybox` and `init` are paths, `modules` the folder of the kernel's modules. */
export function initramfs(parts: { busybox: string; init: string; modules?: string | undefined }): Buffer {
  const modules = parts.modules ? moduleOrder(parts.modules, MODULES) : [];
  const list = Buffer.from(modules.map(({ name }) => `${name}\n`).join(''));
  return archive([
    ...['bin', 'dev', 'mod'].map((path) => ({ path, mode: DIRECTORY })),
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { path: 'bin/busybox', mode: EXECUTABLE, data: readFileSync(parts.busybox) },
    { path: 'init', mode: EXECUTABLE, data: readFileSync(parts.init) },
    ...(modules.length > 0 ? [{ path: 'modules', mode: EXECUTABLE, data: list }] : []),
    ...modules.map(({ name, data }) => ({ path: `mod/${name}`, mode: EXECUTABLE, data })),
  ]);
}

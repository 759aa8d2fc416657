/**
 * Kernel images: QEMU starts an ELF vmlinux at once (PVH), where a bzImage under TCG would spend seconds unpacking itself.
 * Ref: Linux Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length)
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const starts = (data: Buffer, ...bytes: number[]): boolean => data.subarray(0, bytes.length).equals(Buffer.from(bytes));
const isElf = (data: Buffer): boolean => starts(data, 0x7f, 0x45, 0x4c, 0x46);

/** gzip, xz or zstd; what follows the packed data does not matter. Undefined where the tool for it is missing. */
function unpack(packed: Buffer): Buffer | undefined {
  const through = (command: string, ...args: string[]): Buffer | undefined =>
    spawnSync(command, args, { input: packed, maxBuffer: 2 ** 29, stdio: ['pipe', 'pipe', 'ignore'] }).stdout;
  if (starts(packed, 0x1f, 0x8b)) return through('gzip', '-dc');
  if (starts(packed, 0xfd, 0x37, 0x7a, 0x58, 0x5a)) return through('xz', '-dc', '--single-stream');
  if (starts(packed, 0x28, 0xb5, 0x2f, 0xfd)) return through('zstd', '-dc');
  return undefined;
}

/** The path of an ELF kernel made from `image`, written into `folder` where it is not one already; else `image`. */
export function elf(image: string, folder: string): string {
  const data = readFileSync(image);
  if (isElf(data)) return image;
  const header = data.subarray(0x1f1);
  const isBzImage = data.subarray(0x202, 0x206).toString() === 'HdrS';
  const payload = ((header[0] || 4) + 1) * 512 + (isBzImage ? data.readUInt32LE(0x248) : 0);
  const packed = isBzImage ? data.subarray(payload, payload + data.readUInt32LE(0x24c)) : data;
  const unpacked = unpack(packed);
  if (!unpacked || !isElf(unpacked)) return image;
  const path = join(folder, 'vmlinux');
  writeFileSync(path, unpacked);
  return path;
}

/**
 * The parts a guest is made of, and where they are found: QEMU, a static busybox, a kernel.
 * Nothing is downloaded or built here; fetch.ts and kernel.ts do that, into the cache folder named below.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Outside the checkout, so that a fresh clone finds it again. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vfiolab');
/** Debian packages unpacked, not installed: QEMU with its libraries and busybox; the stock kernel. */
export const QEMU_ROOT = join(CACHE, 'qemu');
export const DEBIAN_KERNEL_ROOT = join(CACHE, 'debian-kernel');
/** The newest kernel's headers (linux-libc-dev), for the test that compares lib/uapi.ts with them. */
export const HEADERS_ROOT = join(CACHE, 'headers');
export const HEADERS_SUITE = 'sid';
/** What `npm run vm:kernel` builds. */
export const BUILT_KERNEL = join(CACHE, 'kernel', 'vmlinux');
/** What `npm run vm:kernel -- newest` builds. */
export const NEWEST_KERNEL = join(CACHE, 'kernel-newest', 'vmlinux');

export interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

export interface Kernel {
  /** Shown in the boot line. */
  readonly name: string;
  /** An ELF vmlinux, one packed with gzip, or Debian's vmlinuz. */
  readonly image: string;
  /** The folder of its modules, for a kernel that has none of what the guest needs built in. */
  readonly modules?: string;
}

/** An unpacked root is complete once it has this file. */
export const complete = (root: string): boolean => existsSync(join(root, '.done'));

/** QEMU 10 or later: the system's own, else the unpacked one, started through its own loader. */
export function qemu(): Program | undefined {
  const version = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  const major = Number(/version (\d+)\./.exec(version.stdout ?? '')?.[1] ?? 0);
  if (major >= 10) return { argv: ['qemu-system-x86_64'], env: {} };
  if (!complete(QEMU_ROOT)) return undefined;
  const root = (path: string): string => join(QEMU_ROOT, path);
  const libraries = root('usr/lib/x86_64-linux-gnu');
  return {
    argv: [
      ...([join(libraries, 'ld-linux-x86-64.so.2'), '--inhibit-cache', '--library-path', libraries] as const),
      ...[root('usr/bin/qemu-system-x86_64'), '-L', root('usr/share/qemu'), '-L', root('usr/share/seabios')],
      ...['-L', root('usr/lib/ipxe/qemu')],
    ],
    env: { QEMU_MODULE_DIR: join(libraries, 'qemu') },
  };
}

/** A busybox that needs no libraries. */
export function busybox(): string | undefined {
  const isStatic = (path: string): boolean => spawnSync('sh', ['-c', `ldd ${path}`]).status === 1;
  return [join(QEMU_ROOT, 'usr/bin/busybox'), '/bin/busybox'].find((path) => existsSync(path) && isStatic(path));
}

/**
 * The guest's kernel: `choice` (a file, 'debian' or 'newest'), else $VFIOLAB_VM_KERNEL, else the built one, else Debian's stock
 * kernel, which has the legacy group path only.
 */
export function kernel(choice = process.env.VFIOLAB_VM_KERNEL): Kernel | undefined {
  if (choice === 'newest') {
    if (!existsSync(NEWEST_KERNEL)) throw new Error(`no kernel at ${NEWEST_KERNEL}: npm run vm:kernel -- newest`);
    return { name: NEWEST_KERNEL, image: NEWEST_KERNEL };
  }
  if (choice && choice !== 'debian') {
    if (!existsSync(choice)) throw new Error(`no kernel at ${choice} (--kernel or VFIOLAB_VM_KERNEL)`);
    return { name: choice, image: choice };
  }
  if (!choice && existsSync(BUILT_KERNEL)) return { name: BUILT_KERNEL, image: BUILT_KERNEL };
  return complete(DEBIAN_KERNEL_ROOT) ? debianKernel() : undefined;
}

function debianKernel(): Kernel {
  const release = spawnSync('ls', [join(DEBIAN_KERNEL_ROOT, 'lib/modules')], { encoding: 'utf8' }).stdout.trim();
  return {
    name: `Debian's stock ${release} (legacy group path only: it has no IOMMUFD)`,
    image: join(DEBIAN_KERNEL_ROOT, 'boot', `vmlinuz-${release}`),
    modules: join(DEBIAN_KERNEL_ROOT, 'lib/modules', release),
  };
}

export const headersMissing = (): string | undefined =>
  complete(HEADERS_ROOT) ? undefined : `the newest kernel headers (Debian ${HEADERS_SUITE})`;

/** What a guest lacks on this machine, in words; undefined when one can be booted. */
export function guestMissing(): string | undefined {
  if (process.arch !== 'x64') return 'an x86-64 machine (the guest runs the same node)';
  if (!qemu() || !busybox()) return 'QEMU 10 or later and busybox-static';
  return kernel() ? undefined : 'a kernel for the guest';
}

/**
 * The kernel's modules: which of them could drive a function, and whether one is there to be loaded.
 *
 * Ref: kmod's modules.alias, modules.builtin.modinfo; Linux Documentation/PCI/pci.rst
 */
import type { Host } from './host.js';

type Alias = readonly [pattern: RegExp, module: string];

/** The drivers that know a function by its ids, by their modules' names ('ixgbe', 'snd_hda_intel'); made once for many functions. */
export function driverFinder(host: Host): (modalias: string) => string[] {
  const byVendor = new Map<string, Alias[]>();
  for (const [pattern, module] of aliases(host)) {
    const vendor = vendorOf(pattern);
    const kept = byVendor.get(vendor) ?? [];
    kept.push([glob(pattern), module]);
    byVendor.set(vendor, kept);
  }
  return (modalias) => {
    const known = [...(byVendor.get(vendorOf(modalias)) ?? []), ...(byVendor.get(ANY) ?? [])];
    return [...new Set(known.filter(([pattern]) => pattern.test(modalias)).map(([, module]) => module))];
  };
}

const ANY = 'any vendor';

/** 'v00008086' of 'pci:v00008086d…': most patterns name one, so that few are tried. */
const vendorOf = (pattern: string): string => /^pci:(v[0-9A-F]{8})/.exec(pattern)?.[1] ?? ANY;

/** `[pattern, module]` of every alias for PCI functions, of modules and of what is built in. */
function aliases(host: Host): (readonly [string, string])[] {
  const folder = modulesFolder(host);
  const loadable = (host.text(`${folder}/modules.alias`) ?? '').matchAll(/^alias (pci:\S+) (\S+)$/gm);
  const builtin = (host.text(`${folder}/modules.builtin.modinfo`) ?? '').matchAll(/(?:^|\0)(\w+)\.alias=(pci:[^\0]+)/g);
  return [
    ...[...loadable].map(([, pattern = '', module = '']) => [pattern, module] as const),
    ...[...builtin].map(([, module = '', pattern = '']) => [pattern, module] as const),
  ];
}

/** `pci:v00008086d*…` as a regular expression. */
function glob(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${body}$`);
}

/** Where the running kernel's modules are. */
export const modulesFolder = (host: Host): string => `/lib/modules/${host.text('/proc/sys/kernel/osrelease') ?? ''}`;

/** Whether a module can be loaded: modprobe finds it. `name` with '-' or '_'. */
export function isLoadable(name: string, host: Host): boolean {
  const file = new RegExp(`/${name.replace(/[-_]/g, '[-_]')}\\.ko(\\.\\w+)?:`);
  return file.test(host.text(`${modulesFolder(host)}/modules.dep`) ?? '');
}

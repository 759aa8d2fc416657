/**
 * Why a host's IOMMU is off, and how this very machine turns it on.
 *
 * Ref: Linux Documentation/admin-guide/kernel-parameters.txt (intel_iommu, amd_iommu, iommu), Documentation/arch/x86/iommu.rst
 */
import type { Host } from './host.js';
import { asRoot } from './steps.js';

interface Platform {
  /** What the firmware's setup calls it. */
  readonly name: string;
  /** The ACPI table by which firmware announces it. */
  readonly table: string;
  /** What to boot with where it is announced and yet off. */
  readonly argument: string;
  /** What on the kernel's command line turns it off. */
  readonly off: RegExp;
}

const PLATFORMS: readonly (readonly [cpu: RegExp, Platform])[] = [
  [
    /^vendor_id\s*: (GenuineIntel|CentaurHauls| *Shanghai)/m,
    { name: 'VT-d', table: 'DMAR', argument: 'intel_iommu=on', off: /\b(intel_iommu=off|iommu=off)\b/ },
  ],
  [
    /^vendor_id\s*: (AuthenticAMD|HygonGenuine)/m,
    { name: 'AMD-Vi (IOMMU)', table: 'IVRS', argument: 'amd_iommu=force_enable', off: /\b(amd_iommu=off|iommu=off)\b/ },
  ],
  [/^CPU implementer\s*:/m, { name: 'the SMMU', table: 'IORT', argument: 'iommu.passthrough=0', off: /\biommu=off\b/ }],
];

const TABLES = '/sys/firmware/acpi/tables';

export interface Cause {
  readonly text: string;
  readonly cure: readonly string[];
}

/** Why no device is in an IOMMU group. */
export function whyNoIommu(host: Host): Cause {
  const cpu = host.text('/proc/cpuinfo') ?? '';
  const announces = ({ table }: Platform) => host.exists(`${TABLES}/${table}`);
  // What the firmware announces, before what goes with the processor: a virtual machine may have any of them.
  const platform = (PLATFORMS.find(([, one]) => announces(one)) ?? PLATFORMS.find(([known]) => known.test(cpu)))?.[1];
  if (platform === undefined)
    return { text: 'the IOMMU is off; this processor is not one whose IOMMU is known here', cure: [] };
  const { name, table, argument, off } = platform;
  const line = host.text('/proc/cmdline') ?? '';
  const turnedOff = off.exec(line)?.[0];
  if (turnedOff !== undefined) {
    return {
      text: `the IOMMU is off: the kernel was booted with ${turnedOff}`,
      cure: withoutArgument(turnedOff, host),
    };
  }
  if (host.exists(TABLES) && !announces(platform)) {
    if (/^flags\s*:.*\bhypervisor\b/m.test(cpu)) {
      const qemu = '-device intel-iommu,intremap=on (before the devices) and -M q35';
      return { text: `this virtual machine has no IOMMU: give it one, in QEMU ${qemu}`, cure: [] };
    }
    const setup = asRoot(['systemctl reboot --firmware-setup'], host);
    return {
      text: `the firmware announces no IOMMU (no ACPI table ${table}): enable ${name} in its setup`,
      cure: [setup],
    };
  }
  if (line.split(/\s+/).includes(argument)) {
    const text = `the IOMMU is off though the kernel was booted with ${argument}: its log says why`;
    return { text, cure: [asRoot(['dmesg | grep -i -e DMAR -e IOMMU'], host)] };
  }
  return { text: `the IOMMU is off: boot with ${argument}`, cure: withArgument(argument, host) };
}

/** How this distribution puts a word on the kernel's command line; nothing where that is not known. */
function withArgument(argument: string, host: Host): string[] {
  return edited(host, `s/^GRUB_CMDLINE_LINUX="/&${argument} /`, `--args=${argument}`);
}

function withoutArgument(argument: string, host: Host): string[] {
  return edited(host, `s/\\b${argument}\\b//`, `--remove-args=${argument}`);
}

function edited(host: Host, sed: string, grubby: string): string[] {
  const has = (program: string) =>
    ['/usr/sbin', '/sbin', '/usr/bin'].some((folder) => host.exists(`${folder}/${program}`));
  if (has('grubby')) return [asRoot([`grubby --update-kernel=ALL ${grubby}`], host), asRoot(['reboot'], host)];
  if (!host.exists('/etc/default/grub')) return [];
  const update = has('update-grub') ? 'update-grub' : 'grub2-mkconfig -o /boot/grub2/grub.cfg';
  return [asRoot([`sed -i '${sed}' /etc/default/grub`], host), asRoot([update], host), asRoot(['reboot'], host)];
}

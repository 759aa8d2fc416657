/** What a doctor looks at on any host: the IOMMU, interrupt remapping, the kernel's VFIO, locked memory, huge pages. */
import { whyNoIommu } from './boot.js';
import { DEVICES, groupOf } from './group.js';
import { bad, type Check, good, warn } from './finding.js';
import type { Host } from './host.js';
import { isLoadable } from './modules.js';
import { asRoot } from './steps.js';

const root = (host: Host, line: string): string[] => [asRoot([line], host)];

const iommu: Check = ({ host, bdf }) => {
  const groups = host.names('/sys/kernel/iommu_groups').length;
  const group = bdf === '' ? undefined : groupOf(bdf, host);
  if (groups > 0 && (bdf === '' || group !== undefined || !host.exists(`${DEVICES}/${bdf}`))) {
    return [
      good('IOMMU', bdf === '' || group === undefined ? `on, ${groups} groups` : `on, group ${group} of ${groups}`),
    ];
  }
  if (groups > 0) {
    const text = 'the IOMMU is on and leaves this device out: the firmware tells the kernel of no IOMMU above it';
    return [bad('IOMMU', text, root(host, 'dmesg | grep -i -e DMAR -e IOMMU'))];
  }
  const { text, cure } = whyNoIommu(host);
  return [bad('IOMMU', text, cure)];
};

/** Ref: drivers/vfio/vfio_iommu_type1.c, drivers/iommu/iommufd: allow_unsafe_interrupts */
const remapping: Check = ({ host }) => {
  const interrupts = host.text('/proc/interrupts') ?? '';
  // Only x86 can be without, and only where an IOMMU is on is it missed. Its interrupt chips are called IR-… when they remap.
  if (!/^vendor_id/m.test(host.text('/proc/cpuinfo') ?? '') || host.names('/sys/kernel/iommu_groups').length === 0)
    return [];
  if (/\bIR-/.test(interrupts)) return [good('interrupts', 'are remapped')];
  const places = ['vfio_iommu_type1', 'iommufd'].map(
    (name) => `/sys/module/${name}/parameters/allow_unsafe_interrupts`,
  );
  const there = places.filter((place) => host.exists(place));
  if (there.some((place) => host.text(place) === 'Y'))
    return [warn('interrupts', 'are not remapped, and allow_unsafe_interrupts accepts that a device may forge them')];
  const risk = 'enable it in the firmware (VT-d or AMD-Vi with x2APIC), or accept that a device may forge interrupts';
  const load = there.length > 0 ? [] : ['modprobe vfio_iommu_type1'];
  const accept = (there.length > 0 ? there : places.slice(0, 1)).map((place) => `echo 1 >${place}`);
  return [bad('interrupts', `are not remapped: ${risk}`, [asRoot([...load, ...accept], host)])];
};

const modules: Check = ({ host }) => {
  if (!host.exists('/sys/bus/pci/drivers/vfio-pci')) {
    if (isLoadable('vfio-pci', host)) return [bad('VFIO', 'vfio-pci is not loaded', root(host, 'modprobe vfio-pci'))];
    const release = host.text('/proc/sys/kernel/osrelease') ?? 'running';
    const debian = host.exists('/etc/debian_version') ? root(host, 'apt-get install linux-image-amd64') : [];
    return [bad('VFIO', `the kernel ${release} has no vfio-pci: boot one with CONFIG_VFIO_PCI`, debian)];
  }
  const group = host.exists('/dev/vfio/vfio');
  const iommufd = host.exists('/dev/iommu');
  if (!group && !iommufd) {
    const load = ['vfio', 'iommufd'].filter((name) => isLoadable(name, host)).map((name) => `modprobe ${name}`);
    return [bad('VFIO', 'there is neither /dev/vfio/vfio nor /dev/iommu', load.length > 0 ? [asRoot(load, host)] : [])];
  }
  // It grants nothing by itself: a group must be added first, and the group's node has an owner.
  if (group && !host.may('/dev/vfio/vfio'))
    return [
      bad(
        'VFIO',
        'no permission for /dev/vfio/vfio, which grants nothing by itself',
        root(host, 'chmod 0666 /dev/vfio/vfio'),
      ),
    ];
  const paths = [group ? 'groups' : '', iommufd ? 'iommufd' : ''].filter(Boolean).join(' and ');
  return [good('VFIO', `vfio-pci is loaded; ${paths}`)];
};

/** Ref: capabilities(7): CAP_IPC_LOCK lifts the limit */
const IPC_LOCK = 14;
const MIB = 2 ** 20;
/** Below the first not even one huge page can be mapped; below the second a ring or two. */
const LOCKED_BYTES = [2 * MIB, 64 * MIB] as const;

const memlock: Check = ({ host, pid }) => {
  if (host.capable(IPC_LOCK)) return [good('memlock', 'this process may lock any amount of memory')];
  const limit = /^Max locked memory\s+(\S+)/m.exec(host.text('/proc/self/limits') ?? '')?.[1];
  if (limit === undefined) return [];
  if (limit === 'unlimited' || Number(limit) >= LOCKED_BYTES[1])
    return [good('memlock', `the limit is ${size(limit)}`)];
  const text = `DMA memory is locked memory, and ${host.user} may lock ${size(limit)} of it (RLIMIT_MEMLOCK)`;
  const cure = [
    asRoot([`prlimit --pid ${pid} --memlock=unlimited:unlimited`], host),
    asRoot([`mkdir -p ${LIMITS}`, `echo "${host.user} - memlock unlimited" >${LIMITS}/vfiolab.conf`], host),
  ];
  return [Number(limit) < LOCKED_BYTES[0] ? bad('memlock', text, cure) : warn('memlock', text, cure)];
};

const LIMITS = '/etc/security/limits.d';

const size = (limit: string): string => (/^\d+$/.test(limit) ? `${Math.round(Number(limit) / 1024)} KiB` : limit);

const hugePages: Check = ({ host }) => {
  const folder = '/sys/kernel/mm/hugepages/hugepages-2048kB';
  const total = host.number(`${folder}/nr_hugepages`);
  const free = host.number(`${folder}/free_hugepages`) ?? 0;
  if (total === undefined) return [];
  if (free > 0) return [good('huge pages', `${free} of 2 MiB are free`)];
  const text =
    total === 0
      ? 'there are none of 2 MiB: a buffer that asks for them is refused'
      : `all ${total} of 2 MiB are taken: another buffer that asks for them is refused`;
  return [warn('huge pages', text, root(host, `echo ${total + 64} >${folder}/nr_hugepages`))];
};

export const HOST_CHECKS: readonly Check[] = [iommu, remapping, modules, memlock, hugePages];

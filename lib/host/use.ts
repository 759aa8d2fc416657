/**
 * What a function is in use for, so that it is not taken away from under the host: file systems, swap and volumes on a disk beneath
 * it, network interfaces, VFs, the console's display.
 *
 * Ref: Linux Documentation/ABI/stable/sysfs-block, testing/sysfs-class-net; proc(5)
 */
import { DEVICES, isVfioDriver } from './group.js';
import type { Host } from './host.js';
import { word } from './steps.js';

export interface Use {
  /** 'nvme0n1p2 is mounted on /home', 'eth0 is up'. */
  readonly what: string;
  /** The command, for root, that ends it; undefined where there is none. */
  readonly end?: string;
}

/** Tells each function's uses; made once for many functions. */
export function usesFinder(host: Host): (bdf: string) => Use[] {
  const disks = blockDevices(host);
  const interfaces = interfacesOf(host);
  return (bdf) => {
    const beneath = ({ paths }: { readonly paths: readonly string[] }) =>
      paths.some((path) => path.includes(`/${bdf}/`));
    return [
      ...disks.filter(beneath).flatMap(({ uses }) => uses),
      ...interfaces.filter(beneath).flatMap(({ uses }) => uses),
      ...own(bdf, host),
    ];
  };
}

/** The names of the network interfaces of a function. */
export function interfaceFinder(host: Host): (bdf: string) => string[] {
  const interfaces = interfacesOf(host);
  return (bdf) =>
    interfaces.filter(({ paths }) => paths.some((path) => path.includes(`/${bdf}/`))).map(({ name }) => name);
}

/** What hangs below a device, where in sysfs, and what for. */
interface Part {
  readonly name: string;
  readonly paths: readonly string[];
  readonly uses: readonly Use[];
}

function blockDevices(host: Host): Part[] {
  const mounts = mountsOf(host);
  const swaps = (host.text('/proc/swaps') ?? '').split('\n').map((line) => host.real(line.split(/\s/)[0] ?? ''));
  const btrfs = host.names('/sys/fs/btrfs').flatMap((id) => host.names(`/sys/fs/btrfs/${id}/devices`));
  return host.names('/sys/class/block').map((name) => {
    const folder = `/sys/class/block/${name}`;
    const number = host.text(`${folder}/dev`);
    const mounted = mounts.filter((mount) => mount.number === number || mount.source === `/dev/${name}`);
    const points = [...new Set(mounted.map(({ point }) => point))];
    const uses: Use[] = points.map((point) => ({
      what: `${name} is mounted on ${point}`,
      end: `umount ${word(point)}`,
    }));
    if (swaps.includes(`/dev/${name}`)) uses.push({ what: `${name} is swap`, end: `swapoff /dev/${name}` });
    if (btrfs.includes(name) && points.length === 0) uses.push({ what: `${name} is part of a mounted btrfs` });
    for (const holder of host.names(`${folder}/holders`)) uses.push(held(name, holder, host));
    return { name, paths: placesOf(folder, host), uses };
  });
}

/** What is built on a block device: a volume of LVM or dm-crypt, an array. */
function held(name: string, holder: string, host: Host): Use {
  const mapped = host.text(`/sys/class/block/${holder}/dm/name`);
  const what = `${name} is part of ${mapped === undefined ? holder : `${holder} (${mapped})`}`;
  return { what, end: mapped === undefined ? `mdadm --stop /dev/${holder}` : `dmsetup remove ${mapped}` };
}

/** Where a block device is in sysfs; for one that nvme makes of several paths, where each of its controllers is. */
function placesOf(folder: string, host: Host): string[] {
  const real = host.real(folder);
  const subsystem = /^(.*\/nvme-subsystem\/[^/]+)\//.exec(`${real}/`)?.[1];
  const controllers = subsystem === undefined ? [] : host.names(subsystem).filter((name) => /^nvme\d+$/.test(name));
  const places = controllers.map((name) => host.real(`${subsystem}/${name}`));
  return [real, ...places].filter((place) => place !== undefined).map((place) => `${place}/`);
}

interface Mount {
  /** 'major:minor'. */
  readonly number: string;
  readonly point: string;
  readonly source: string | undefined;
}

/**
 * Of this process's view of the file systems, and of the first process's. Where their roots differ, one mount has two names: ours counts.
 * Ref: proc_pid_mountinfo(5)
 */
function mountsOf(host: Host): Mount[] {
  const seen = new Map<string, Mount>();
  for (const line of ['self', '1'].flatMap((pid) => (host.text(`/proc/${pid}/mountinfo`) ?? '').split('\n'))) {
    const [before = '', after = ''] = line.split(' - ');
    const [id, , number, , point] = before.split(' ');
    if (id === undefined || number === undefined || point === undefined || seen.has(id)) continue;
    const source = after.split(' ')[1] ?? '';
    seen.set(id, { number, point: unescaped(point), source: host.real(unescaped(source)) });
  }
  return [...seen.values()];
}

/** Blanks are written \040. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

const IFF_UP = 1;

function interfacesOf(host: Host): Part[] {
  const routed = [
    ...(host.text('/proc/net/route') ?? '').split('\n').map((line) => line.split(/\s+/)[0]),
    ...(host.text('/proc/net/ipv6_route') ?? '').split('\n').map((line) => line.trim().split(/\s+/).at(-1)),
  ];
  const addressed = (host.text('/proc/net/if_inet6') ?? '').split('\n').map((line) => line.trim().split(/\s+/).at(-1));
  return host.names('/sys/class/net').map((name) => {
    const uses: Use[] = [];
    const real = host.real(`/sys/class/net/${name}`);
    if (((host.number(`/sys/class/net/${name}/flags`) ?? 0) & IFF_UP) !== 0)
      uses.push({ what: `${name} is up`, end: `ip link set ${name} down` });
    if (routed.includes(name)) uses.push({ what: `${name} has a route`, end: `ip route flush dev ${name}` });
    if (addressed.includes(name)) uses.push({ what: `${name} has an address`, end: `ip address flush dev ${name}` });
    return { name, paths: real === undefined ? [] : [`${real}/`], uses };
  });
}

/** What the function itself is for. */
function own(bdf: string, host: Host): Use[] {
  const folder = `${DEVICES}/${bdf}`;
  const driver = host.name(`${folder}/driver`);
  if (driver === undefined || isVfioDriver(driver)) return [];
  const vfs = host.number(`${folder}/sriov_numvfs`) ?? 0;
  return [
    ...(vfs > 0 ? [{ what: `${vfs} VFs of it are enabled`, end: `echo 0 >${folder}/sriov_numvfs` }] : []),
    ...(host.number(`${folder}/boot_vga`) === 1 ? [{ what: "it is the console's display" }] : []),
  ];
}

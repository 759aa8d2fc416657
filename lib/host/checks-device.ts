/** What a doctor looks at on one device: its driver, its group, its nodes, its VF token, who has it open, whether it is awake and its link up. */
import { loadSteps, ownSteps, takeSteps } from './bind.js';
import { bad, type Check, type Finding, good, warn } from './finding.js';
import { DEVICES, driverOf, groupMembers, groupOf, isVfioDriver, nodesOf } from './group.js';
import { holdersOf } from './holders.js';
import type { Host } from './host.js';
import { isBridge } from './list.js';
import { asRoot, shellLine } from './steps.js';
import { usesFinder } from './use.js';
import { token } from './vf-token.js';

/** What `bind` would do with a device, as one command; a user who is not root is to own the nodes. */
function bindCommand(bdf: string, host: Host): string[] {
  try {
    const steps = [
      ...loadSteps(bdf, host),
      ...takeSteps(bdf, host),
      ...ownSteps(bdf, host, host.isRoot ? '' : host.user),
    ];
    return [asRoot(steps.map(shellLine), host)];
  } catch {
    // No vfio-pci in this kernel: the check of that says so.
    return [];
  }
}

const identity: Check = ({ host, bdf }) => {
  const code = host.number(`${DEVICES}/${bdf}/class`) ?? 0;
  const vendor = host.number(`${DEVICES}/${bdf}/vendor`) ?? 0;
  const device = host.number(`${DEVICES}/${bdf}/device`) ?? 0;
  const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');
  const name = [host.ids.className(code), host.ids.vendor(vendor), host.ids.device(vendor, device)]
    .filter((word) => word !== undefined)
    .join(' ');
  const text = `${digits(vendor, 4)}:${digits(device, 4)} class ${digits(code, 6)}${name === '' ? '' : `, ${name}`}`;
  if (!isBridge({ class: code })) return [good('device', text)];
  return [bad('device', `${text}: a bridge; VFIO is for the devices behind it`)];
};

/**
 * A dead link, and a device without power, read as all ones. So do the first four bytes of a VF: its ids are those of its PF.
 * Ref: PCI Express Base 6.0, 9.3.4.1
 */
const answers: Check = ({ host, bdf }) => {
  const header = host.bytes(`${DEVICES}/${bdf}/config`, 16);
  if (header === undefined || header.length < 16 || header.some((byte) => byte !== 0xff)) return [];
  const again = [`echo 1 >${DEVICES}/${bdf}/remove`, 'echo 1 >/sys/bus/pci/rescan'];
  const text = 'config space reads as all ones: the link is down, or the device has no power or hangs';
  return [bad('link', text, [asRoot(again, host)])];
};

const link: Check = ({ host, bdf }) => {
  const is = (what: string) => host.text(`${DEVICES}/${bdf}/${what}`);
  const [speed, width] = [is('current_link_speed'), is('current_link_width')];
  const [maxSpeed, maxWidth] = [is('max_link_speed'), is('max_link_width')];
  if (speed === undefined || width === undefined) return [];
  if (!/^[\d.]+ GT/.test(speed) || Number(width) === 0)
    return [warn('link', `no link is reported (${speed}, x${width})`)];
  const now = `${speed} x${width}`;
  if (Number.parseFloat(speed) >= Number.parseFloat(maxSpeed ?? '0') && Number(width) >= Number(maxWidth ?? 0))
    return [good('link', now)];
  return [good('link', `${now}; the device can do ${maxSpeed} x${maxWidth}`)];
};

/** A device on vfio-pci sleeps until it is opened; asleep in other hands, or in D3 while awake, it answers nothing. */
const power: Check = ({ host, bdf }) => {
  const state = host.text(`${DEVICES}/${bdf}/power_state`);
  const status = host.text(`${DEVICES}/${bdf}/power/runtime_status`);
  if (state === undefined || !/^(D3|error)/.test(state)) return status === 'error' ? [stuck(bdf, host, 'error')] : [];
  if (status === 'suspended') return [good('power', `${state}, asleep until it is opened`)];
  return [stuck(bdf, host, state)];
};

const stuck = (bdf: string, host: Host, state: string): Finding => {
  const folder = `${DEVICES}/${bdf}`;
  const reset = host.exists(`${folder}/reset`)
    ? [`echo 1 >${folder}/reset`]
    : [`echo 1 >${folder}/remove`, 'echo 1 >/sys/bus/pci/rescan'];
  return bad('power', `the device is in ${state}: its BARs answer nothing, or fault`, [asRoot(reset, host)]);
};

const driver: Check = ({ host, bdf }) => {
  const name = driverOf(bdf, host);
  if (isVfioDriver(name)) return [good('driver', `${name}`)];
  if (isBridge({ class: host.number(`${DEVICES}/${bdf}/class`) ?? 0 }) || groupOf(bdf, host) === undefined) return [];
  const uses = usesFinder(host)(bdf);
  const inUse = uses.map(({ what, end }) =>
    bad('use', `the host is using it: ${what}`, end === undefined ? [] : [asRoot([end], host)]),
  );
  const text = name === undefined ? 'no driver has it' : `the driver ${name} has it`;
  return [...inUse, bad('driver', `${text}; open() needs vfio-pci`, bindCommand(bdf, host))];
};

const viable: Check = ({ host, bdf }) => {
  const group = groupOf(bdf, host);
  if (group === undefined) return [];
  const members = groupMembers(group, host);
  const inTheWay = members.filter((member) => member.blocks && member.bdf !== bdf);
  if (inTheWay.length === 0) {
    const others = members.length - 1;
    return [
      good('group', others === 0 ? `${group}, it is alone in it` : `${group}, with ${others} more, all out of the way`),
    ];
  }
  const named = inTheWay.map((member) => {
    const code = host.number(`${DEVICES}/${member.bdf}/class`) ?? 0;
    const name = host.ids.className(code);
    return `${member.bdf} (class ${code.toString(16).padStart(6, '0')}${name === undefined ? '' : ` ${name}`}, driver ${member.driver})`;
  });
  const finder = usesFinder(host);
  const uses = inTheWay.flatMap((member) => finder(member.bdf));
  const ends = uses.flatMap(({ end }) => (end === undefined ? [] : [asRoot([end], host)]));
  const used =
    uses.length === 0
      ? ''
      : `; the host uses ${uses.length === 1 ? 'it' : 'them'}: ${uses.map(({ what }) => what).join(', ')}`;
  const text = `group ${group} is not viable: in the way is ${named.join(', ')}${used}`;
  return [bad('group', text, [...ends, ...inTheWay.flatMap((member) => bindCommand(member.bdf, host))])];
};

const nodes: Check = ({ host, bdf }) => {
  if (!isVfioDriver(driverOf(bdf, host)) || groupOf(bdf, host) === undefined) return [];
  const { group, device } = nodesOf(bdf, host);
  const own = device !== undefined && host.exists('/dev/iommu') ? [device, '/dev/iommu'] : undefined;
  const ways = [own, group === undefined ? undefined : [group]].filter((way) => way !== undefined);
  const open = ways.find((way) => way.every((node) => host.may(node)));
  if (open !== undefined) return [good('node', `${open[0]}`)];
  const best = group === undefined ? own : [group];
  if (best === undefined) {
    const text = `there is no /dev/vfio/${groupOf(bdf, host)}, though ${driverOf(bdf, host)} has the device: is /dev the host's?`;
    return [bad('node', text, [])];
  }
  const denied = best.filter((node) => !host.may(node));
  const lines = denied.map((node) => (node === '/dev/iommu' ? 'chmod 0666 /dev/iommu' : `chown ${host.user} ${node}`));
  return [bad('node', `${host.user} has no permission for ${denied.join(' and ')}`, [asRoot(lines, host)])];
};

/** vfio-pci enables a device when it is opened, and disables it when it is closed. Ref: drivers/vfio/pci/vfio_pci_core.c */
const enabled = (bdf: string, host: Host): boolean =>
  isVfioDriver(driverOf(bdf, host)) && (host.number(`${DEVICES}/${bdf}/enable`) ?? 0) > 0;

const holders: Check = ({ host, bdf }) => {
  const all = holdersOf(Object.values(nodesOf(bdf, host)), host);
  if (all.length === 0 && !host.isRoot && enabled(bdf, host)) {
    const text = 'it is enabled, as while it is open: a process of another user may have it, which only root sees';
    return [warn('holder', text, [asRoot([`fuser -v ${Object.values(nodesOf(bdf, host)).join(' ')}`], host)])];
  }
  const found = all.filter(({ pid }) => pid !== process.pid);
  const shared = (host.text('/proc/net/unix') ?? '').includes(`/group-${groupOf(bdf, host)}.sock`);
  return found.map(({ pid, command }) => {
    const text = `process ${pid} has it open: ${command}`;
    if (shared) return good('holder', `${text}; it shares the card: open('${bdf}', { share: true }) joins`);
    return bad('holder', text, [asRoot([`kill ${pid}`], host)]);
  });
};

export const DEVICE_CHECKS: readonly Check[] = [identity, answers, link, power, driver, viable, nodes, token, holders];

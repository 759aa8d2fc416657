/** `doctor` on machines made here: each finding, in which tone, with which command. In the guest the commands are run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { KernelClient, type Output } from '../kernel/client.js';
import { UsageError } from '../lib/errors.js';
import { doctor } from '../lib/host/doctor.js';
import { VIEW } from '../lib/view.js';
import {
  ALICE,
  AMD,
  ARM,
  BRIDGE,
  DISK,
  EDU,
  INTEL,
  MadeHost,
  type Machine,
  NIC,
  placeOf,
  ROOT,
} from './host/machine.js';
import { vfiolab } from './vfiolab.js';

const BDF = '0000:01:00.0';
const BOUND = { ...EDU, driver: 'vfio-pci', group: 7 };
const DEVICE = `/sys/bus/pci/devices/${BDF}`;

/** What is not good about a machine: 'about: text', and the commands. */
function told(machine: Machine, bdf: string | undefined = BDF, prepare = (_: MadeHost) => {}) {
  const host = new MadeHost(machine);
  prepare(host);
  const { findings, wrong, cures } = doctor(bdf, { pid: '$$' }, host);
  // A doctor only looks, and each command is one that a shell understands.
  assert.deepEqual(host.acts, []);
  for (const cure of cures) assert.equal(spawnSync('sh', ['-n', '-c', cure]).status, 0, cure);
  const said = findings.filter(({ tone }) => tone !== 'good');
  return { wrong: wrong.length, said: said.map(({ about, text }) => `${about}: ${text}`), cures };
}

const healthy = { cards: { [BDF]: BOUND } };

test('a healthy device on a healthy host: nothing', () => {
  assert.deepEqual(told(healthy), { wrong: 0, said: [], cures: [] });
  assert.deepEqual(told(healthy, undefined), { wrong: 0, said: [], cures: [] });
  const view = String(doctor(BDF, {}, new MadeHost(healthy))[VIEW]());
  assert.match(view, /^0000:01:00\.0: nothing is wrong\n +✓ +device +1234:11e8 class 00ff00, .*QEMU edu/);
});

describe('the IOMMU is off', () => {
  const dark = (files: Readonly<Record<string, string>>): Machine => ({ cards: { [BDF]: EDU }, files });
  const grub = { '/etc/default/grub': 'GRUB_CMDLINE_LINUX=""', '/usr/sbin/update-grub': '' };
  const tables = (name: string) => ({ [`/sys/firmware/acpi/tables/${name}`]: '' });

  test('Intel: boot with intel_iommu=on, by GRUB', () => {
    const { said, cures, wrong } = told(dark({ ...grub, ...tables('DMAR') }));
    assert.deepEqual(said, ['IOMMU: the IOMMU is off: boot with intel_iommu=on']);
    assert.deepEqual(cures, [
      `sed -i 's/^GRUB_CMDLINE_LINUX="/&intel_iommu=on /' /etc/default/grub`,
      'update-grub',
      'reboot',
    ]);
    assert.equal(wrong, 1);
  });
  test('the line of sed does what it says', () => {
    const { cures } = told(dark({ ...grub, ...tables('DMAR') }));
    const sed = (cures[0] ?? '').replace('-i ', '').replace('/etc/default/grub', '');
    const { stdout } = spawnSync('sh', ['-c', sed], { input: 'GRUB_CMDLINE_LINUX="quiet"\n', encoding: 'utf8' });
    assert.equal(stdout, 'GRUB_CMDLINE_LINUX="intel_iommu=on quiet"\n');
  });
  test('Fedora: by grubby', () => {
    assert.deepEqual(told(dark({ '/usr/sbin/grubby': '' })).cures, [
      'grubby --update-kernel=ALL --args=intel_iommu=on',
      'reboot',
    ]);
  });
  test('AMD, ARM: their own words', () => {
    assert.match(told(dark({ '/proc/cpuinfo': AMD })).said[0] ?? '', /boot with amd_iommu=force_enable/);
    assert.match(told(dark({ '/proc/cpuinfo': ARM })).said[0] ?? '', /boot with iommu\.passthrough=0/);
  });
  test('firmware that announces none: its setup, on each platform by its name', () => {
    const amd = told(dark({ '/proc/cpuinfo': AMD, ...tables('FACP') }));
    assert.match(amd.said[0] ?? '', /no ACPI table IVRS\): enable AMD-Vi \(IOMMU\) in its setup/);
    assert.deepEqual(amd.cures, ['systemctl reboot --firmware-setup']);
    assert.match(told(dark(tables('FACP'))).said[0] ?? '', /no ACPI table DMAR\): enable VT-d/);
    assert.match(told(dark({ '/proc/cpuinfo': ARM, ...tables('FACP') })).said[0] ?? '', /no ACPI table IORT/);
  });
  test('a virtual machine without one', () => {
    const cpu = INTEL.replace('vme', 'vme hypervisor');
    assert.match(told(dark({ '/proc/cpuinfo': cpu, ...tables('FACP') })).said[0] ?? '', /QEMU -device intel-iommu/);
  });
  test('of Intel’s kind beside a processor of AMD’s, as a virtual machine may have it: by what is announced', () => {
    const cpu = { '/proc/cpuinfo': AMD.replace('vme', 'vme hypervisor') };
    assert.deepEqual(told(dark({ ...cpu, ...tables('DMAR') })).said, [
      'IOMMU: the IOMMU is off: boot with intel_iommu=on',
    ]);
    const off = told(dark({ ...cpu, ...tables('DMAR'), '/proc/cmdline': 'quiet intel_iommu=off' })).said;
    assert.deepEqual(off, ['IOMMU: the IOMMU is off: the kernel was booted with intel_iommu=off']);
  });
  test('turned off on the command line', () => {
    const { said, cures } = told(dark({ '/proc/cmdline': 'quiet amd_iommu=off', '/proc/cpuinfo': AMD, ...grub }));
    assert.deepEqual(said, ['IOMMU: the IOMMU is off: the kernel was booted with amd_iommu=off']);
    assert.match(cures[0] ?? '', /sed .*amd_iommu=off/);
  });
  test('asked for already: the log says why not', () => {
    const { said, cures } = told(dark({ '/proc/cmdline': 'quiet intel_iommu=on', ...tables('DMAR') }));
    assert.match(said[0] ?? '', /off though the kernel was booted with intel_iommu=on/);
    assert.deepEqual(cures, ['dmesg | grep -i -e DMAR -e IOMMU']);
  });
  test('on, for others only', () => {
    const cards = { [BDF]: EDU, '0000:02:00.0': { ...EDU, group: 1 } };
    assert.match(told({ cards }).said[0] ?? '', /leaves this device out/);
  });
  test('of a processor that nobody knows: no made-up argument', () => {
    const { said, cures } = told(dark({ '/proc/cpuinfo': 'isa : rv64imafdc\n' }));
    assert.match(said[0] ?? '', /not one whose IOMMU is known here/);
    assert.deepEqual(cures, []);
  });
});

describe('interrupt remapping', () => {
  const off = { '/proc/interrupts': ' 24: 0 PCI-MSI-0000:00:1f.2 0-edge ahci' };
  const parameter = '/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';
  test('missing: the parameter that does without', () => {
    const { said, cures, wrong } = told({ ...healthy, files: { ...off, [parameter]: 'N' } });
    assert.match(said[0] ?? '', /^interrupts: are not remapped: enable it in the firmware/);
    assert.deepEqual(cures, [`echo 1 >${parameter}`]);
    assert.equal(wrong, 1);
  });
  test('missing, and the module with the parameter too', () => {
    assert.deepEqual(told({ ...healthy, files: off }).cures, [`modprobe vfio_iommu_type1 && echo 1 >${parameter}`]);
  });
  test('missing and accepted: worth a remark', () => {
    const { said, wrong } = told({ ...healthy, files: { ...off, [parameter]: 'Y' } });
    assert.match(said[0] ?? '', /^interrupts: .*allow_unsafe_interrupts accepts/);
    assert.equal(wrong, 0);
  });
  test('is no question on ARM', () => {
    assert.deepEqual(told({ ...healthy, files: { ...off, '/proc/cpuinfo': ARM } }).said, []);
  });
});

describe('the kernel’s VFIO', () => {
  test('is a module that is not loaded', () => {
    const files = { '/lib/modules/6.1.0/modules.dep': 'kernel/drivers/vfio/pci/vfio-pci.ko:' };
    const { said, cures } = told({ cards: { [BDF]: { ...EDU, group: 7 } }, drivers: [], files });
    assert.deepEqual(said, ['driver: no driver has it; open() needs vfio-pci', 'VFIO: vfio-pci is not loaded']);
    assert.match(cures[0] ?? '', /^modprobe vfio-pci && .*drivers_probe$/);
    assert.equal(cures[1], 'modprobe vfio-pci');
  });
  test('is not in this kernel', () => {
    const cards = { [BDF]: { ...EDU, group: 7 } };
    const { said, cures } = told({ cards, drivers: [], files: { '/etc/debian_version': '12.5' } });
    assert.match(said[1] ?? '', /^VFIO: the kernel 6\.1\.0 has no vfio-pci: boot one with CONFIG_VFIO_PCI/);
    assert.deepEqual(cures, ['apt-get install linux-image-amd64']);
  });
  test('has no container, nor iommufd', () => {
    const files = { '/lib/modules/6.1.0/modules.dep': 'kernel/drivers/vfio/vfio.ko.xz:' };
    const { said, cures } = told({ ...healthy, files }, undefined, (host) => host.drop('/dev/vfio/vfio'));
    assert.deepEqual(said, ['VFIO: there is neither /dev/vfio/vfio nor /dev/iommu']);
    assert.deepEqual(cures, ['modprobe vfio']);
  });
  test('has a container that nobody may open', () => {
    const { said, cures } = told({ ...healthy, denied: ['/dev/vfio/vfio'] }, undefined);
    assert.match(said[0] ?? '', /^VFIO: no permission for \/dev\/vfio\/vfio/);
    assert.deepEqual(cures, ['chmod 0666 /dev/vfio/vfio']);
  });
});

describe('the device', () => {
  test('is not there', () => {
    const { said, cures } = told(healthy, 'ffff:00:00.0');
    assert.match(said[0] ?? '', /^device: there is no ffff:00:00\.0/);
    assert.deepEqual(cures, ['echo 1 >/sys/bus/pci/rescan']);
  });
  test('is a bridge', () => {
    const { said } = told({ cards: { [BDF]: { ...BRIDGE, driver: 'pcieport', group: 7 } } });
    assert.deepEqual(said, ['device: 1b36:000c class 060400, Bridge: a bridge; VFIO is for the devices behind it']);
  });
  test('is not bound: the command is the one that bind would do', () => {
    const { said, cures } = told({ cards: { [BDF]: { ...EDU, driver: 'edu', group: 7 } } });
    assert.deepEqual(said, ['driver: the driver edu has it; open() needs vfio-pci']);
    assert.deepEqual(cures, [
      [
        `mkdir -p /run/vfiolab/drivers && echo edu >/run/vfiolab/drivers/${BDF}`,
        `echo vfio-pci >${DEVICE}/driver_override`,
        `echo ${BDF} >${DEVICE}/driver/unbind`,
        `echo ${BDF} >/sys/bus/pci/drivers_probe`,
      ].join(' && '),
    ]);
  });
  test('is not bound, and in use: what ends that comes first', () => {
    const net = `${placeOf(BDF)}/net/eth0`;
    const { said, cures } = told({
      cards: { [BDF]: { ...NIC, driver: 'e1000', group: 7 } },
      files: { [`${net}/flags`]: '0x1003' },
      links: { '/sys/class/net/eth0': net },
    });
    assert.equal(said[0], 'use: the host is using it: eth0 is up');
    assert.equal(cures[0], 'ip link set eth0 down');
    assert.match(cures[1] ?? '', /drivers_probe$/);
  });
  test('of a user who is not root: sudo, and the nodes become theirs', () => {
    const files = { '/proc/self/status': ALICE, '/proc/self/limits': 'Max locked memory  unlimited unlimited bytes' };
    const { cures } = told({ cards: { [BDF]: { ...EDU, group: 7 } }, files });
    assert.match(cures[0] ?? '', /^sudo sh -c '.*chown alice \/dev\/vfio\/7.*'$/);
  });
  test('shares its group: which devices, which classes, which drivers', () => {
    const disk = `${placeOf('0000:01:00.2')}/nvme/nvme0n1`;
    const { said, cures, wrong } = told({
      cards: {
        [BDF]: BOUND,
        '0000:01:00.1': { id: ['0x8086', '0xa170'], class: '0x040300', driver: 'snd_hda_intel', group: 7 },
        '0000:01:00.2': { ...DISK, driver: 'nvme', group: 7 },
        '0000:00:01.0': { ...BRIDGE, driver: 'pcieport', group: 7 },
      },
      files: { [`${disk}/dev`]: '259:0', '/proc/self/mountinfo': '1 1 259:0 / /home rw - ext4 /dev/x rw' },
      links: { '/sys/class/block/nvme0n1': disk },
    });
    assert.deepEqual(said, [
      'group: group 7 is not viable: in the way is 0000:01:00.1 (class 040300 Audio device, driver snd_hda_intel), ' +
        '0000:01:00.2 (class 010802 Non-Volatile memory controller, driver nvme); the host uses it: nvme0n1 is mounted on /home',
    ]);
    assert.equal(cures[0], 'umount /home');
    assert.match(cures[1] ?? '', /01:00\.1 >\/sys\/bus\/pci\/drivers_probe$/);
    assert.match(cures[2] ?? '', /01:00\.2 >\/sys\/bus\/pci\/drivers_probe$/);
    assert.equal(wrong, 1);
  });
  test('has a node that this user may not open', () => {
    const limits = 'Max locked memory  unlimited unlimited bytes';
    const files = { '/proc/self/status': ALICE, '/proc/self/limits': limits };
    const { said, cures } = told({ ...healthy, files, denied: ['/dev/vfio/7'] });
    assert.deepEqual(said, ['node: alice has no permission for /dev/vfio/7']);
    assert.deepEqual(cures, ['sudo chown alice /dev/vfio/7']);
  });
  test('has only an iommufd node: that, and /dev/iommu', () => {
    const files = { [`${placeOf(BDF)}/vfio-dev/vfio0/dev`]: '', '/dev/vfio/devices/vfio0': '', '/dev/iommu': '' };
    const bare = { ...healthy, files, denied: ['/dev/vfio/devices/vfio0', '/dev/iommu'] };
    const { said, cures } = told(bare, BDF, (host) => host.drop('/dev/vfio/7'));
    assert.deepEqual(said, ['node: root has no permission for /dev/vfio/devices/vfio0 and /dev/iommu']);
    assert.deepEqual(cures, ['chown root /dev/vfio/devices/vfio0 && chmod 0666 /dev/iommu']);
  });
  test('has no node at all, as in a container', () => {
    const { said } = told(healthy, BDF, (host) => host.drop('/dev/vfio/7'));
    assert.match(
      said[0] ?? '',
      /^node: there is no \/dev\/vfio\/7, though vfio-pci has the device: is \/dev the host's\?/,
    );
  });
  test('is open elsewhere: by which process; one that shares the card is in nobody’s way', () => {
    const files = { '/proc/4711/cmdline': 'dpdk-testpmd\0-l\0' };
    const hold = (host: MadeHost) => {
      host.lead('/proc/4711/fd/19', '/dev/vfio/7');
      host.link = (path) => (path === '/proc/4711/fd/19' ? '/dev/vfio/7' : MadeHost.prototype.link.call(host, path));
    };
    const { said, cures } = told({ ...healthy, files }, BDF, hold);
    const socket = '0000000000000000: 00000002 00000000 00010000 0001 01 5432 /run/user/0/vfiolab/group-7.sock\n';
    assert.deepEqual(told({ ...healthy, files: { ...files, '/proc/net/unix': socket } }, BDF, hold).said, []);
    assert.deepEqual(said, ['holder: process 4711 has it open: dpdk-testpmd -l']);
    assert.deepEqual(cures, ['kill 4711']);
  });
  test('is open in hands that only root sees: it is enabled', () => {
    const limits = 'Max locked memory  unlimited unlimited bytes';
    const said = (enable: string, status: string, driver = 'vfio-pci') =>
      told({
        cards: { [BDF]: { ...BOUND, driver, files: { enable } } },
        files: { '/proc/self/status': status, '/proc/self/limits': limits },
      });
    const { wrong, said: words, cures } = said('1', ALICE);
    assert.deepEqual([wrong, words.length], [0, 1]);
    assert.match(words[0] ?? '', /^holder: it is enabled, as while it is open: .* only root sees/);
    assert.deepEqual(cures, ['sudo fuser -v /dev/vfio/7']);
    assert.deepEqual(said('0', ALICE).said, []);
    assert.deepEqual(said('1', ROOT).said, []);
    assert.doesNotMatch(said('1', ALICE, 'edu').said.join(), /holder/);
  });
  test('is in D3: what wakes it, by reset or else by looking at the bus again', () => {
    const d3 = (files: Readonly<Record<string, string>>) =>
      told({ cards: { [BDF]: { ...BOUND, files: { power_state: 'D3hot', ...files } } } });
    assert.match(d3({ reset: '' }).said[0] ?? '', /^power: the device is in D3hot/);
    assert.deepEqual(d3({ reset: '' }).cures, [`echo 1 >${DEVICE}/reset`]);
    assert.deepEqual(d3({}).cures, [`echo 1 >${DEVICE}/remove && echo 1 >/sys/bus/pci/rescan`]);
    assert.deepEqual(d3({ 'power/runtime_status': 'suspended' }).said, [], 'asleep until it is opened');
    const error = told({
      cards: { [BDF]: { ...BOUND, files: { 'power/runtime_status': 'error', power_state: 'D0' } } },
    });
    assert.match(error.said[0] ?? '', /^power: the device is in error/);
  });
  test('has a dead link', () => {
    const config = '\xff'.repeat(64);
    const host = new MadeHost({ cards: { [BDF]: { ...BOUND, files: { config: '' } } } });
    host.bytes = () => Uint8Array.from(config, () => 0xff);
    const [finding] = doctor(BDF, {}, host).wrong;
    assert.match(finding?.text ?? '', /all ones: the link is down/);
    assert.deepEqual(finding?.cure, [`echo 1 >${DEVICE}/remove && echo 1 >/sys/bus/pci/rescan`]);
  });
  test('tells its link, and a link that is none', () => {
    const link = (speed: string, width: string) => {
      const files = {
        current_link_speed: speed,
        current_link_width: width,
        max_link_speed: '16.0 GT/s PCIe',
        max_link_width: '16',
      };
      return doctor(BDF, {}, new MadeHost({ cards: { [BDF]: { ...BOUND, files } } })).findings.find(
        (f) => f.about === 'link',
      );
    };
    assert.equal(link('16.0 GT/s PCIe', '16')?.text, '16.0 GT/s PCIe x16');
    assert.equal(link('2.5 GT/s PCIe', '1')?.text, '2.5 GT/s PCIe x1; the device can do 16.0 GT/s PCIe x16');
    assert.equal(link('Unknown', '63')?.tone, 'warn');
  });
});

describe('a virtual function', () => {
  const PF = '0000:02:00.0';
  const VF = '0000:02:00.1';
  const UUID = '00112233-4455-6677-8899-aabbccddeeff';
  const machine = (driver: string, more: Partial<Machine> = {}): Machine => ({
    cards: { [PF]: { ...DISK, driver, group: 7 }, [VF]: { ...DISK, driver: 'vfio-pci', group: 8 } },
    ...more,
    links: {
      [`${placeOf(PF)}/virtfn0`]: placeOf(VF),
      [`${placeOf(VF)}/physfn`]: placeOf(PF),
    },
  });
  const own = (denied: readonly string[] = []) =>
    machine('vfio-pci', {
      files: { [`${placeOf(VF)}/vfio-dev/vfio1/dev`]: '', '/dev/vfio/devices/vfio1': '', '/dev/iommu': '' },
      denied,
    });
  const open = (node: string) => (host: MadeHost) => {
    host.make('/proc/77/cmdline', 'qemu\0-vm\0');
    host.lead('/proc/77/fd/9', node);
    host.link = (path) => (path === '/proc/77/fd/9' ? node : MadeHost.prototype.link.call(host, path));
  };
  const text = `VF token: a VF of ${PF}: open() takes the VF token that ${PF} was opened with`;

  test('whose PF is on vfio-pci: it takes a token; the command gives the PF one', () => {
    const { wrong, said, cures } = told(machine('vfio-pci'), VF);
    assert.deepEqual([wrong, said], [1, [text]]);
    assert.match(cures[0] ?? '', /^token=.* && vfiolab info 0000:02:00\.0 --vf-token \$token .*open\('0000:02:00\.1'/);
    const { wrong: given } = doctor(VF, { vfToken: UUID }, new MadeHost(machine('vfio-pci')));
    assert.deepEqual(given, []);
  });
  test('whose PF is in use: the token is the one that it is in use with, and no other can be had', () => {
    const { said, cures } = told(machine('vfio-pci'), VF, open('/dev/vfio/7'));
    assert.deepEqual(said, [`${text}; process 77 (qemu -vm) has it in use: give the same`]);
    assert.deepEqual(cures, []);
  });
  test('whose PF is on its own driver: no token', () => {
    assert.deepEqual(told(machine('nvme'), VF).said, []);
  });
  test('by way of its own node: a token from Linux 6.18 on', () => {
    assert.deepEqual(told(own(), VF).said, []);
    assert.deepEqual(told(own(['/dev/iommu']), VF).said, [text]);
    for (const [release, asks] of [
      ['6.17.9-arch1', 0],
      ['6.18.0-rc1', 1],
      ['7.2.0', 1],
    ] as const) {
      const there = own();
      const files = { ...there.files, '/proc/sys/kernel/osrelease': release };
      assert.equal(told({ ...there, files }, VF).wrong, asks, release);
    }
  });
  test('whose ids read as all ones, as those of every VF do: its link is up all the same', () => {
    const config = (of: (offset: number) => number) => (host: MadeHost) => {
      host.bytes = (path, count) =>
        path === `/sys/bus/pci/devices/${VF}/config`
          ? Uint8Array.from({ length: count }, (_, at) => of(at))
          : undefined;
    };
    assert.deepEqual(
      told(
        machine('nvme'),
        VF,
        config((at) => (at < 4 ? 0xff : at)),
      ).said,
      [],
    );
    assert.match(
      told(
        machine('nvme'),
        VF,
        config(() => 0xff),
      ).said.join(),
      /^link: config space reads as all ones/,
    );
  });
  test('that is open: its PF takes the token too', () => {
    assert.deepEqual(told(machine('vfio-pci'), PF).said, []);
    assert.deepEqual(told(machine('vfio-pci'), PF, open('/dev/vfio/8')).said, [
      `VF token: its VFs are in use with one: open() takes the VF token that ${PF} was opened with; ` +
        'process 77 (qemu -vm) has it in use: give the same',
    ]);
  });
  test('a malformed token is a usage error', () => {
    for (const vfToken of ['', 'secret', `${UUID}0`])
      assert.throws(() => doctor(VF, { vfToken }, new MadeHost(machine('vfio-pci'))), UsageError);
  });
});

describe('memory', () => {
  const locked = (limit: string): Machine => ({
    ...healthy,
    files: {
      '/proc/self/status': ALICE,
      '/proc/self/limits': `Max locked memory         ${limit}    ${limit}   bytes\n`,
    },
  });
  test('that may be locked: too little is wrong, little is worth a remark, root needs none', () => {
    const { said, cures, wrong } = told(locked('65536'));
    assert.deepEqual(said, ['memlock: DMA memory is locked memory, and alice may lock 64 KiB of it (RLIMIT_MEMLOCK)']);
    assert.deepEqual(cures, [
      'sudo prlimit --pid $$ --memlock=unlimited:unlimited',
      `sudo sh -c 'mkdir -p /etc/security/limits.d && echo "alice - memlock unlimited" >/etc/security/limits.d/vfiolab.conf'`,
    ]);
    assert.equal(wrong, 1);
    assert.equal(told(locked('8388608')).wrong, 0);
    assert.equal(told(locked('8388608')).said.length, 1);
    assert.deepEqual(told(locked('unlimited')).said, []);
  });
  const pages = (total: number, free: number): Machine => {
    const folder = '/sys/kernel/mm/hugepages/hugepages-2048kB';
    return { ...healthy, files: { [`${folder}/nr_hugepages`]: `${total}`, [`${folder}/free_hugepages`]: `${free}` } };
  };
  test('in huge pages: none, or all taken, is worth a remark', () => {
    const none = told(pages(0, 0));
    assert.match(none.said[0] ?? '', /^huge pages: there are none of 2 MiB/);
    assert.deepEqual(none.cures, ['echo 64 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages']);
    assert.equal(none.wrong, 0);
    assert.match(told(pages(8, 0)).cures[0] ?? '', /^echo 72 >/);
    assert.deepEqual(told(pages(8, 1)).said, []);
  });
});

test('in a notebook it is a cell, and a table', { timeout: 120_000 }, async () => {
  const kernel = await KernelClient.start();
  try {
    const shown: string[] = [];
    const onOutput = (output: Output): void => {
      if (output.type === 'result') shown.push(String(output.data['text/html']), String(output.data['text/plain']));
    };
    const { status, evalue } = await kernel.execute(`await doctor('ffff:ff:1f.7')`, { onOutput });
    assert.equal(status, 'ok', evalue);
    assert.match(shown[0] ?? '', /<table[\s\S]*there is no ffff:ff:1f\.7/);
    assert.match(shown[1] ?? '', /^ffff:ff:1f\.7: \d+ wrong\n +✗ +device/);
    const listed = await kernel.execute(`list().length`, { onOutput });
    assert.equal(listed.status, 'ok');
  } finally {
    await kernel.shutdown();
  }
});

test('a malformed BDF is a usage error', () => {
  assert.throws(() => doctor('eth0', {}, new MadeHost({})), UsageError);
});

test('vfiolab doctor: a table or JSON, exit code 1 where something is wrong', { timeout: 60_000 }, async () => {
  const [text, json, malformed] = await Promise.all([
    vfiolab(['doctor', 'ffff:ff:1f.7']),
    vfiolab(['doctor', 'ffff:ff:1f.7', '--json']),
    vfiolab(['doctor', 'eth0']),
  ]);
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^ffff:ff:1f\.7: \d+ wrong\n +✗ +device +there is no ffff:ff:1f\.7/);
  const { subject, findings, wrong } = JSON.parse(json.stdout);
  assert.deepEqual([json.code, subject, findings[0].about], [1, 'ffff:ff:1f.7', 'device']);
  assert.ok(wrong >= 1);
  assert.equal(malformed.code, 2);
});

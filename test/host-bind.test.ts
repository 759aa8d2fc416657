/** `bind` and `release` on machines made here: what is written, in which order, what is refused, what is put back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { SystemError, UsageError } from '../lib/errors.js';
import { bind, release } from '../lib/host/bind.js';
import { VIEW } from '../lib/view.js';
import { ALICE, BRIDGE, DISK, driverNow, EDU, type Machine, MadeHost, NIC, placeOf, state } from './host/machine.js';
import { thrown } from './thrown.js';
import { vfiolab } from './vfiolab.js';

const BDF = '0000:01:00.0';
const OTHER = '0000:01:00.1';
const MEMORY = `/run/vfiolab/drivers/${BDF}`;

const edu = (more: Partial<Machine> = {}) =>
  new MadeHost({ cards: { [BDF]: { ...EDU, driver: 'edu', group: 7 } }, ...more });

describe('bind', () => {
  test('writes driver_override, unbind, drivers_probe, in this order, and remembers the driver', () => {
    const host = edu();
    const change = bind(BDF, {}, host);
    assert.deepEqual(host.acts, [
      `edu >${MEMORY}`,
      `vfio-pci >/sys/bus/pci/devices/${BDF}/driver_override`,
      `${BDF} >/sys/bus/pci/devices/${BDF}/driver/unbind`,
      `${BDF} >/sys/bus/pci/drivers_probe`,
    ]);
    assert.equal(driverNow(host, BDF), 'vfio-pci');
    assert.deepEqual(change.moves, [{ bdf: BDF, from: 'edu', to: 'vfio-pci' }]);
    assert.deepEqual(change.nodes, ['/dev/vfio/7']);
    assert.match(String(change[VIEW]()), /0000:01:00\.0 +edu +→ +vfio-pci\n +\/dev\/vfio\/7/);
  });

  test('unbinds nothing where no driver has the device', () => {
    const host = new MadeHost({ cards: { [BDF]: { ...EDU, group: 7 } } });
    bind('01:00.0', {}, host);
    assert.ok(!host.acts.some((act) => act.includes('unbind')), host.acts.join('\n'));
    assert.equal(driverNow(host, BDF), 'vfio-pci');
    assert.equal(state(host, MEMORY), '\n');
  });

  test('again does nothing, and forgets nothing', () => {
    const host = edu();
    bind(BDF, {}, host);
    const before = host.acts.length;
    const again = bind(BDF, {}, host);
    assert.equal(host.acts.length, before);
    assert.deepEqual(again.moves, []);
    assert.equal(state(host, MEMORY), 'edu\n');
  });

  test('loads vfio-pci where it is a module, and says so where there is none', () => {
    const files = { '/lib/modules/6.1.0/modules.dep': 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/x.ko\n' };
    const host = edu({ drivers: [], files });
    bind(BDF, {}, host);
    assert.equal(host.acts[0], 'modprobe vfio-pci');
    assert.equal(driverNow(host, BDF), 'vfio-pci');
    const bare = edu({ drivers: [] });
    assert.match(
      thrown(() => bind(BDF, {}, bare)).message,
      /no vfio-pci, neither built in nor as a module.*CONFIG_VFIO_PCI/,
    );
    assert.deepEqual(bare.acts, []);
  });

  test('takes the members of the group along that a driver has, and leaves the others', () => {
    const cards = {
      [BDF]: { ...EDU, group: 7 },
      [OTHER]: { ...NIC, driver: 'e1000', group: 7 },
      '0000:01:00.2': { ...EDU, group: 7 },
      '0000:00:01.0': { ...BRIDGE, driver: 'pcieport', group: 7 },
    };
    const host = new MadeHost({ cards });
    const { moves } = bind(BDF, {}, host);
    assert.deepEqual(
      moves.map(({ bdf, from }) => [bdf, from]),
      [
        [BDF, undefined],
        [OTHER, 'e1000'],
      ],
    );
    assert.equal(driverNow(host, '0000:01:00.2'), undefined);
    assert.equal(driverNow(host, '0000:00:01.0'), 'pcieport');
    // And both go back together.
    release(BDF, {}, host);
    assert.equal(driverNow(host, BDF), undefined);
    assert.equal(driverNow(host, OTHER), 'e1000');
  });

  test('hands the nodes over, after udev has settled', () => {
    const host = edu({ files: { '/run/udev/control': '' } });
    bind(BDF, { user: 'alice', group: 'lab' }, host);
    assert.deepEqual(host.acts.slice(4), [
      'udevadm settle',
      'sh -c [ ! -e /dev/vfio/7 ] || chown alice:lab /dev/vfio/7',
      `sh -c for own in $(ls /sys/bus/pci/devices/${BDF}/vfio-dev); do [ ! -e /dev/vfio/devices/$own ] || chown alice:lab /dev/vfio/devices/$own; done`,
    ]);
    assert.match(thrown(() => bind(BDF, { user: 'a; reboot' }, host)).message, /no name of a user/);
  });

  test('as a dry run prints lines of shell and does nothing', () => {
    const host = edu({ drivers: [], files: { '/lib/modules/6.1.0/modules.dep': 'kernel/vfio-pci.ko:' } });
    const { lines, done } = bind(BDF, { dryRun: true, user: 'alice' }, host);
    assert.equal(done, false);
    assert.deepEqual(lines.slice(0, 5), [
      'modprobe vfio-pci',
      `mkdir -p /run/vfiolab/drivers && echo edu >${MEMORY}`,
      `echo vfio-pci >/sys/bus/pci/devices/${BDF}/driver_override`,
      `echo ${BDF} >/sys/bus/pci/devices/${BDF}/driver/unbind`,
      `echo ${BDF} >/sys/bus/pci/drivers_probe`,
    ]);
    assert.deepEqual(host.acts, []);
    assert.equal(driverNow(host, BDF), 'edu');
    // Each line is one that a shell understands.
    for (const line of lines) assert.equal(spawnSync('sh', ['-n', '-c', line]).status, 0, line);
  });

  test('believes the driver link, not the write: where the probe fails all is put back', () => {
    const host = edu({ refused: [BDF] });
    const error = thrown(() => bind(BDF, {}, host));
    assert.ok(error instanceof SystemError);
    assert.match(error.message, /drivers_probe: vfio-pci did not take the device: no driver has it; all is as it was/);
    assert.equal(driverNow(host, BDF), 'edu');
    assert.equal(state(host, `/sys/bus/pci/devices/${BDF}/driver_override`), '\n');
    assert.equal(state(host, MEMORY), undefined);
  });

  test('where the second of a group fails, the first goes back too', () => {
    const cards = { [BDF]: { ...EDU, driver: 'edu', group: 7 }, [OTHER]: { ...NIC, driver: 'e1000', group: 7 } };
    const host = new MadeHost({ cards, refused: [OTHER] });
    thrown(() => bind(BDF, {}, host));
    assert.equal(driverNow(host, BDF), 'edu');
    assert.equal(driverNow(host, OTHER), 'e1000');
  });

  test('takes it in good part when the driver goes by itself', () => {
    class Leaving extends MadeHost {
      override write(path: string, text: string, folders = false): void {
        if (path.endsWith('driver_override')) this.drop(`${placeOf(BDF)}/driver`);
        super.write(path, text, folders);
      }
    }
    const host = new Leaving({ cards: { [BDF]: { ...EDU, driver: 'edu', group: 7 } } });
    bind(BDF, {}, host);
    assert.equal(driverNow(host, BDF), 'vfio-pci');
  });

  test('says it when the device goes', () => {
    class Leaving extends MadeHost {
      override write(path: string, text: string, folders = false): void {
        if (path.endsWith('driver_override')) this.drop(placeOf(BDF));
        super.write(path, text, folders);
      }
    }
    const host = new Leaving({ cards: { [BDF]: { ...EDU, driver: 'edu', group: 7 } } });
    const error = thrown(() => bind(BDF, {}, host));
    assert.match(error.message, /driver_override: the device is gone \(ENOENT\)/);
  });
});

describe('bind refuses', () => {
  const mounted = (more: Partial<Machine> = {}): MadeHost => {
    const block = `${placeOf(BDF)}/nvme/nvme0/nvme0n1`;
    return new MadeHost({
      cards: { [BDF]: { ...DISK, driver: 'nvme', group: 7 } },
      files: {
        [`${block}/dev`]: '259:0',
        '/proc/self/mountinfo': '36 35 259:0 / /home rw - ext4 /dev/nvme0n1 rw\n',
      },
      links: { '/sys/class/block/nvme0n1': block },
      ...more,
    });
  };

  test('a disk in use, and names what ends that; unless its name is given once more', () => {
    const host = mounted();
    const error = thrown(() => bind(BDF, {}, host));
    assert.ok(error instanceof UsageError);
    assert.match(
      error.message,
      /^0000:01:00\.0: bind: the host is using it: nvme0n1 is mounted on \/home; .*umount \/home; or .*--in-use 0000:01:00\.0$/,
    );
    thrown(() => bind(BDF, { inUse: ['0000:02:00.0'] }, host));
    assert.deepEqual(host.acts, []);
    bind(BDF, { inUse: ['01:00.0'] }, host);
    assert.equal(driverNow(host, BDF), 'vfio-pci');
  });

  test('a network card in use, also where it is only in the same group', () => {
    const net = `${placeOf(OTHER)}/net/eth0`;
    const host = new MadeHost({
      cards: { [BDF]: { ...EDU, group: 7 }, [OTHER]: { ...NIC, driver: 'e1000', group: 7 } },
      files: { [`${net}/flags`]: '0x1003' },
      links: { '/sys/class/net/eth0': net },
    });
    const error = thrown(() => bind(BDF, {}, host));
    assert.match(
      error.message,
      /^0000:01:00\.1: bind: the host is using it \(in one IOMMU group with 0000:01:00\.0\): eth0 is up/,
    );
    assert.match(error.hint, /ip link set eth0 down; or .*--in-use 0000:01:00\.1/);
    assert.deepEqual(host.acts, []);
  });

  for (const [what, machine, message] of [
    ['a bridge', { cards: { [BDF]: { ...BRIDGE, driver: 'pcieport', group: 7 } } }, /a bridge/],
    ['a device without an IOMMU group', { cards: { [BDF]: EDU } }, /in no IOMMU group; vfiolab doctor/],
    ['a device that is not there', {}, /there is no such device \(ENOENT\)/],
  ] as const) {
    test(what, () => {
      const host = new MadeHost(machine);
      assert.match(thrown(() => bind(BDF, { inUse: [BDF] }, host)).message, message);
      assert.deepEqual(host.acts, []);
    });
  }

  for (const text of ['', 'eth0', '1:00.0', '0000:01:20.0', '0000:01:00.8', '../0000:01:00.0', '0000:01:00.0 ']) {
    test(`'${text}', which is no BDF`, () => {
      const error = thrown(() => bind(text, {}, new MadeHost({})));
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /is not a BDF/);
    });
  }

  test('domains above four digits are none of these', () => {
    const host = new MadeHost({ cards: { '10001:80:05.0': { ...EDU, group: 3 } } });
    bind('10001:80:05.0', {}, host);
    assert.equal(driverNow(host, '10001:80:05.0'), 'vfio-pci');
  });
});

describe('release', () => {
  test('gives the device back to the driver that it had, and forgets it', () => {
    const host = edu();
    bind(BDF, {}, host);
    host.acts.length = 0;
    const { moves } = release(BDF, {}, host);
    assert.deepEqual(host.acts, [
      ` >/sys/bus/pci/devices/${BDF}/driver_override`,
      `${BDF} >/sys/bus/pci/devices/${BDF}/driver/unbind`,
      `${BDF} >/sys/bus/pci/drivers/edu/bind`,
    ]);
    assert.deepEqual(moves, [{ bdf: BDF, from: 'vfio-pci', to: 'edu' }]);
    assert.equal(driverNow(host, BDF), 'edu');
    assert.equal(state(host, MEMORY), undefined);
  });

  test('puts driver_override back too, without which some drivers take nothing', () => {
    const files = { driver_override: 'uio_pci_generic' };
    const host = new MadeHost({ cards: { [BDF]: { ...EDU, driver: 'uio_pci_generic', group: 7, files } } });
    bind(BDF, {}, host);
    assert.equal(state(host, MEMORY), 'uio_pci_generic uio_pci_generic\n');
    release(BDF, {}, host);
    assert.equal(driverNow(host, BDF), 'uio_pci_generic');
    assert.equal(state(host, `/sys/bus/pci/devices/${BDF}/driver_override`), 'uio_pci_generic\n');
  });

  test('leaves a device without a driver that had none', () => {
    const host = new MadeHost({ cards: { [BDF]: { ...EDU, group: 7, natural: 'edu' } }, drivers: ['vfio-pci', 'edu'] });
    bind(BDF, {}, host);
    release(BDF, {}, host);
    assert.equal(driverNow(host, BDF), undefined);
  });

  test('lets the kernel choose where nothing is remembered', () => {
    const card = { ...EDU, driver: 'vfio-pci', natural: 'edu', group: 7 };
    const host = new MadeHost({ cards: { [BDF]: card }, drivers: ['vfio-pci', 'edu'] });
    assert.deepEqual(release(BDF, {}, host).moves, [{ bdf: BDF, from: 'vfio-pci', to: 'edu' }]);
  });

  test('loads a driver that has left in the meantime', () => {
    const host = edu({ files: { '/lib/modules/6.1.0/modules.dep': 'kernel/drivers/misc/edu.ko:' } });
    bind(BDF, {}, host);
    host.drop('/sys/bus/pci/drivers/edu');
    release(BDF, {}, host);
    assert.ok(host.acts.includes('modprobe edu'));
    assert.equal(driverNow(host, BDF), 'edu');
  });

  test('does nothing to a device that vfio-pci does not have', () => {
    const host = edu();
    assert.deepEqual(release(BDF, {}, host).lines, []);
    assert.equal(driverNow(host, BDF), 'edu');
  });

  test('refuses while a process has the device open, and names it', () => {
    const host = edu();
    bind(BDF, {}, host);
    host.make('/proc/4711/cmdline', 'node\0cli.js\0');
    host.lead('/proc/4711/fd/19', '/dev/vfio/7');
    // Links of /proc are absolute.
    host.link = (path) => (path === '/proc/4711/fd/19' ? '/dev/vfio/7' : MadeHost.prototype.link.call(host, path));
    const error = thrown(() => release(BDF, {}, host));
    assert.match(error.message, /it is open: by process 4711 \(node cli\.js\) \(EBUSY\); .*kill 4711/);
    assert.equal(driverNow(host, BDF), 'vfio-pci');
  });

  test('says it where the driver does not take it back', () => {
    const host = edu();
    bind(BDF, {}, host);
    host.make(MEMORY, 'nobody\n');
    assert.match(thrown(() => release(BDF, {}, host)).message, /it had nobody, and now edu has it/);
  });

  test('as a dry run does nothing', () => {
    const host = edu();
    bind(BDF, {}, host);
    host.acts.length = 0;
    const { lines } = release(BDF, { dryRun: true }, host);
    assert.deepEqual(lines, [
      `echo >/sys/bus/pci/devices/${BDF}/driver_override`,
      `echo ${BDF} >/sys/bus/pci/devices/${BDF}/driver/unbind`,
      `echo ${BDF} >/sys/bus/pci/drivers/edu/bind`,
      `rm -f ${MEMORY}`,
    ]);
    assert.deepEqual(host.acts, []);
    assert.equal(driverNow(host, BDF), 'vfio-pci');
  });
});

test('who is not root is told so, with a way to see what would be written', () => {
  class Guarded extends MadeHost {
    override write(path: string, text: string, folders = false): void {
      if (path.startsWith('/sys')) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
      super.write(path, text, folders);
    }
  }
  const card = { ...EDU, driver: 'edu', group: 7 };
  const host = new Guarded({ cards: { [BDF]: card }, files: { '/proc/self/status': ALICE } });
  process.env.XDG_STATE_HOME = '/home/alice/state';
  const error = thrown(() => bind(BDF, {}, host));
  delete process.env.XDG_STATE_HOME;
  assert.match(error.message, /only root may \(EACCES\); run it with sudo; --dry-run prints/);
  assert.equal(host.acts[0], `edu >/home/alice/state/vfiolab/drivers/${BDF}`);
});

test('the commands say the same, with exit codes', { timeout: 60_000 }, async () => {
  const [absent, malformed, none] = await Promise.all([
    vfiolab(['bind', 'ffff:ff:1f.7']),
    vfiolab(['release', 'eth0']),
    vfiolab(['bind']),
  ]);
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /^ffff:ff:1f\.7: bind: there is no such device \(ENOENT\)/);
  assert.equal(malformed.code, 2);
  assert.match(malformed.stderr, /'eth0' is not a BDF/);
  assert.equal(none.code, 2);
});

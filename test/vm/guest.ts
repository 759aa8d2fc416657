/**
 * A QEMU guest with the kernel's real vfio-pci, an emulated VT-d and a few cards: booted once, then given shell commands.
 *
 *     const guest = await Guest.boot();
 *     const { code, output } = await guest.run('bind 0000:01:00.0 && ls /dev/vfio');
 *     await guest.off();
 *
 * The guest sees the host's files (its own writes stay in its memory), starts each command in the checkout, as root, and
 * knows the shell functions of guest.sh. All of it lives in one folder on the host, `ctl`: init.cpio, serial.log, and for
 * each command N.sh, N.out, N.rc.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { CARDS, DISK_SIZE, OBJECTS } from './cards.js';
import { elf } from './image.js';
import { initramfs } from './initramfs.js';
import { busybox, type Kernel, kernel, qemu } from './parts.js';

export const CHECKOUT = join(import.meta.dirname, '..', '..', '..');

export interface Result {
  /** The command's exit code; 124 when its time ran out. */
  readonly code: number;
  /** Its stdout and stderr. */
  readonly output: string;
}

export interface RunOptions {
  /** Seconds, on the guest's clock (120). */
  readonly timeout?: number;
  onOutput?(text: string): void;
}

export interface BootOptions {
  /** A kernel image, 'debian' or 'newest'. */
  readonly kernel?: string | undefined;
  /** Seconds after booting until QEMU is killed, whatever it does then (600). */
  readonly deadline?: number;
  /** Leave the folder in place afterwards. */
  readonly keep?: boolean;
  /** QEMU's IOMMU; '' for none. */
  readonly iommu?: string;
  /** The first card alone, EDU. QEMU goes through all the others at each write of one's COMMAND, and the kernel through them as it boots. */
  readonly alone?: boolean;
  /** One page of 1 GiB beside those of 2 MiB, and the memory for it. */
  readonly gigantic?: boolean;
}

const COMMAND_LINE = [
  'console=ttyS0 quiet loglevel=4 panic=-1',
  'intel_iommu=on iommu.strict=0',
  // The TSC that TCG shows is the host's own, and stands still or leaps with it where the host is a virtual machine.
  'tsc=unstable clocksource=hpet no_timer_check',
  'mitigations=off transparent_hugepage=never random.trust_cpu=on cryptomgr.notests',
  'hugepagesz=2M hugepages=16',
  // A program at the same addresses each time it runs: what TCG has translated of it serves again.
  'norandmaps',
].join(' ');

/** QEMU's arguments. Ref: QEMU docs/system/invocation */
function machine(
  image: string,
  ctl: string,
  { iommu = 'intel-iommu,intremap=on', gigantic = false, alone = false }: BootOptions,
): string[] {
  const commandLine = gigantic ? `${COMMAND_LINE} hugepagesz=1G hugepages=1` : COMMAND_LINE;
  return [
    // One processor: with two, under TCG on an idle host, one of them was seen to miss its timer and the guest to stall.
    ...['-M', 'q35,usb=off,vmport=off', '-accel', 'tcg', '-smp', '1', '-m', gigantic ? '4096' : '2048'],
    // Memory is copied byte by byte under TCG where a processor is said to be good at REP MOVSB.
    ...['-cpu', 'max,-erms,-fsrm'],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    // Before every device that is to be behind it.
    ...(iommu ? ['-device', iommu] : []),
    ...['-kernel', image, '-initrd', join(ctl, 'init.cpio'), '-append', commandLine],
    ...['-chardev', `file,id=serial,path=${join(ctl, 'serial.log')}`, '-serial', 'chardev:serial'],
    ...['-device', 'virtio-serial-pci', '-chardev', 'stdio,id=ctl,signal=off', '-device', 'virtconsole,chardev=ctl'],
    // Its own monitor, and a line out of the guest to it: inside/monitor.ts.
    ...['-chardev', `socket,id=qmp,path=${join(ctl, 'qmp')},server=on,wait=off`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `socket,id=line,path=${join(ctl, 'qmp')}`, '-device', 'virtserialport,chardev=line,name=monitor'],
    ...['-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=root,mount_tag=root'],
    ...['-fsdev', `local,id=ctl,path=${ctl},security_model=none`, '-device', 'virtio-9p-pci,fsdev=ctl,mount_tag=ctl'],
    ...['-drive', `id=disk,if=none,format=raw,cache=unsafe,file=${join(ctl, 'disk')}`],
    ...OBJECTS.flatMap((object) => ['-object', object]),
    ...(alone ? CARDS.slice(0, 2) : CARDS).flatMap((card) => ['-device', card]),
  ];
}

/** A word for the shell. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export class Guest {
  readonly ctl: string;
  readonly kernel: Kernel;
  #qemu: ChildProcess;
  #keep: boolean;
  #lines: AsyncIterator<string>;
  #ended: string | undefined;
  #exited: Promise<void>;
  #deadline: NodeJS.Timeout | undefined;
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Boots a guest; once more where the first does not come up, as happens to one in many under TCG. */
  static async boot(options: BootOptions = {}): Promise<Guest> {
    try {
      return await Guest.#start(options, 120);
    } catch (error) {
      process.stderr.write(`guest: booting once more: ${error}\n`);
      return await Guest.#start(options, 180);
    }
  }

  static async #start(options: BootOptions, patience: number): Promise<Guest> {
    const found = kernel(options.kernel);
    const program = qemu();
    const box = busybox();
    if (!found || !program || !box) throw new Error('no QEMU, busybox or kernel for the guest: npm run vm:setup');
    const ctl = mkdtempSync(join(tmpdir(), 'vfiolab-vm-'));
    const init = join(CHECKOUT, 'test', 'vm', 'init');
    writeFileSync(join(ctl, 'init.cpio'), initramfs({ busybox: box, init, modules: found.modules }));
    writeFileSync(join(ctl, 'disk'), '');
    truncateSync(join(ctl, 'disk'), DISK_SIZE);
    const argv = [...program.argv, ...machine(elf(found.image, ctl), ctl, options)];
    // Were this process killed, the guest goes too.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
      env: { ...process.env, ...program.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const guest = new Guest(child, ctl, found, options.keep ?? false);
    try {
      guest.deadline(patience);
      await guest.#line('ready');
      guest.deadline(options.deadline ?? 600);
      return guest;
    } catch (error) {
      await guest.off();
      throw error;
    }
  }

  private constructor(child: ChildProcess, ctl: string, found: Kernel, keep: boolean) {
    this.#qemu = child;
    this.ctl = ctl;
    this.kernel = found;
    this.#keep = keep;
    const { stdout, stderr, stdin } = child;
    if (!stdout || !stderr || !stdin) throw new Error('qemu: no pipes');
    this.#lines = createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
    let complaints = '';
    stderr.on('data', (data) => {
      complaints += data;
    });
    stdin.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#ended ??= String(error);
        resolve();
      });
      child.on('close', (code, signal) => {
        clearTimeout(this.#deadline);
        this.#ended ??= `QEMU ended (${signal ?? code}) ${complaints}`;
        resolve();
      });
    });
  }

  /** Has QEMU killed in so many seconds from now, whatever it does then. */
  deadline(seconds: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#ended = `still running after ${seconds} s and killed`;
      this.#qemu.kill('SIGKILL');
    }, seconds * 1000);
  }

  /** QEMU's process id. */
  get pid(): number | undefined {
    return this.#qemu.pid;
  }

  /** What the guest's kernel wrote to its console so far. */
  get serial(): string {
    try {
      return readFileSync(join(this.ctl, 'serial.log'), 'utf8');
    } catch {
      return '';
    }
  }

  /**
   * Runs a shell command in the checkout, after those before it. `onOutput` is given its output as it comes. Throws when the
   * guest is gone; a command that fails or runs out of its time (seconds) is a result like another.
   */
  run(command: string, options: RunOptions = {}): Promise<Result> {
    const result = this.#turn.then(() => this.#run(command, options));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #run(command: string, { timeout = 120, onOutput }: RunOptions): Promise<Result> {
    this.#count += 1;
    const file = (suffix: string): string => join(this.ctl, `${this.#count}.${suffix}`);
    writeFileSync(file('sh'), this.#script(command));
    const tail = follow(file('out'), onOutput);
    this.#qemu.stdin?.write(`${this.#count} ${timeout}\n`);
    try {
      await this.#line(String(this.#count));
    } finally {
      tail();
    }
    return { code: Number(readFileSync(file('rc'), 'utf8')), output: readFileSync(file('out'), 'utf8') };
  }

  #script(command: string): string {
    const environment = {
      PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: '/run/home',
      TERM: 'dumb',
      LANG: 'C.UTF-8',
      VFIOLAB_GUEST: '1',
    };
    const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`);
    const library = quote(join(CHECKOUT, 'test', 'vm', 'guest.sh'));
    return [...exports, `cd ${quote(CHECKOUT)} || exit`, `. ${library}`, command, ''].join('\n');
  }

  async #line(wanted: string): Promise<void> {
    const { value, done } = await this.#lines.next();
    if (!done && value === wanted) return;
    if (!done) this.#qemu.kill('SIGKILL');
    await this.#exited;
    const said = done ? '' : `it said ${JSON.stringify(value)} instead of ${wanted}; `;
    const last = this.serial.split('\n').slice(-40).join('\n');
    throw new Error(
      `the guest is gone: ${said}${this.#ended}\nthe end of its console (${this.ctl}/serial.log):\n${last}`,
    );
  }

  /** Turns the guest off and removes its folder, or says where it is kept. */
  async off(): Promise<void> {
    this.#qemu.stdin?.end('off\n');
    const patience = setTimeout(() => this.#qemu.kill('SIGKILL'), 10_000);
    await this.#exited;
    clearTimeout(patience);
    if (this.#keep) process.stderr.write(`guest: kept ${this.ctl}\n`);
    else rmSync(this.ctl, { recursive: true, force: true });
  }
}

/** Reports what is appended to a file, ten times a second, until the returned function is called. */
function follow(path: string, onOutput: ((text: string) => void) | undefined): () => void {
  if (!onOutput) return () => {};
  let seen = 0;
  const decoder = new TextDecoder();
  const look = (): void => {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= seen) return;
    const data = readFileSync(path).subarray(seen);
    seen += data.length;
    onOutput(decoder.decode(data, { stream: true }));
  };
  const timer = setInterval(look, 100);
  return () => {
    clearInterval(timer);
    look();
  };
}

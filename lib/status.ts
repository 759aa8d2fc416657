/**
 * What is known of a card without asking it: how it is reached, what was last seen of its COMMAND and its link, and when, what it has of
 * this machine, and with whom it is shared. Data, and its picture.
 */
import { type Holder, type IrqName, irqLabel } from './backend.js';
import { type CellLike, Shown, type Tone, VIEW, View } from './view.js';

/** COMMAND as it was last read or written. */
export interface SeenCommand {
  readonly raw: number;
  /** Memory decoding. */
  readonly mem: boolean;
  readonly busMaster: boolean;
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly how: 'read' | 'written';
}

/** LNKSTA as it was last read. */
export interface SeenLink {
  readonly raw: number;
  /** '8GT/s'. */
  readonly speed: string;
  /** Lanes. */
  readonly width: number;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** Data: it does not change, and looking at it touches nothing. */
export class DeviceStatus extends Shown {
  /** '0000:03:00.0'. */
  readonly path: string;
  /** What `open()` takes: the backend stands before its colon. */
  readonly spec: string;
  /** 'vfio-pci, iommufd, VT-d'. */
  readonly driver: string;
  /** 'was taken away at 12:03:04: …', 'was closed'; undefined while it is open. */
  readonly gone: string | undefined;
  /** Since when it answers all-ones, in milliseconds since 1970; undefined where it answered otherwise since. */
  readonly onesAt: number | undefined;
  readonly command: SeenCommand | undefined;
  readonly link: SeenLink | undefined;
  /** What is enabled of its interrupts. */
  readonly irqs: readonly { readonly kind: IrqName; readonly vectors: number }[];
  /** The other process that has them. */
  readonly irqHolder: Holder | undefined;
  readonly dma: { readonly buffers: number; readonly bytes: number };
  /** Other processes that have the card open. */
  readonly others: readonly Holder[];
  readonly #now = Date.now();

  constructor(data: Omit<StatusData, 'onesAt'>, silentAt: number | undefined) {
    super();
    this.path = data.path;
    this.spec = data.spec;
    this.driver = data.driver;
    this.gone = data.gone;
    this.command = data.command;
    this.link = data.link;
    this.irqs = data.irqs;
    this.irqHolder = data.irqHolder;
    this.dma = data.dma;
    this.others = data.others;
    this.onesAt = onesSince(data, silentAt);
  }

  [VIEW](): View {
    return statusView(this, this.#now);
  }
}

/** As it is sent to a front end. */
export type StatusData = Omit<DeviceStatus, keyof Shown>;

const ONES = 0xffff;

/** Since when it answers nothing but all-ones; `silentAt`: when config space was found to. */
function onesSince({ command, link }: Pick<StatusData, 'command' | 'link'>, silentAt = 0): number | undefined {
  const seen = [command, link].filter((word) => word !== undefined);
  const times = (ones: boolean): number[] => seen.filter(({ raw }) => (raw === ONES) === ones).map(({ at }) => at);
  const since = Math.max(silentAt, ...times(true));
  return since > Math.max(0, ...times(false)) ? since : undefined;
}

/** '0 s', '59 s', '3 min', '2 h', '5 d'. */
export function ageText(milliseconds: number): string {
  const age = AGES.find(({ below }) => milliseconds < below) ?? DAYS;
  return `${Math.floor(Math.max(0, milliseconds) / age.unit)} ${age.name}`;
}

/** When `ageText()` says something else next, in milliseconds from now. */
export function ageChange(milliseconds: number): number {
  const { unit } = AGES.find(({ below }) => milliseconds < below) ?? DAYS;
  return unit - (Math.max(0, milliseconds) % unit);
}

const DAYS = { name: 'd', unit: 86_400_000, below: Number.POSITIVE_INFINITY };
const AGES = [
  { name: 's', unit: 1000, below: 60_000 },
  { name: 'min', unit: 60_000, below: 3_600_000 },
  { name: 'h', unit: 3_600_000, below: 86_400_000 },
];

/** 'Mem+ BusMaster-', as lspci has it. */
export const commandText = ({ mem, busMaster }: SeenCommand): string =>
  `Mem${mem ? '+' : '-'} BusMaster${busMaster ? '+' : '-'}`;

export const linkText = ({ speed, width }: SeenLink): string => `${speed} x${width}`;

/** 'MSI-X 4'. */
export const irqText = ({ irqs }: StatusData): string =>
  irqs.map(({ kind, vectors }) => `${irqLabel(kind)} ${vectors}`).join(', ');

/** '12 KiB', '1.5 MiB': short, not exact. */
export function amountText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Math.round((bytes / 1024 ** unit) * 10) / 10} ${units[unit]}`;
}

export const holderText = ({ pid, command }: Holder): string => `${command} ${pid}`;

/** The whole of it, as it was `now`. */
export function statusView(status: StatusData, now: number): View {
  const { path, spec, driver, gone, onesAt, command, link, irqHolder, dma, others } = status;
  const row = (name: string, text: string, more = '', tone: Tone = 'plain'): CellLike[] => [
    { text: name, tone: 'name' },
    { text, tone },
    { text: more, tone: 'dim' },
  ];
  const raw = (word: number): string => `0x${word.toString(16).padStart(4, '0')}`;
  const rows: CellLike[][] = [];
  if (gone !== undefined) rows.push(row('card', gone, '', 'bad'));
  if (onesAt !== undefined) rows.push(row('card', 'answers all-ones', `${ageText(now - onesAt)} ago`, 'bad'));
  rows.push(
    command
      ? row('COMMAND', commandText(command), `${raw(command.raw)}, ${command.how} ${ageText(now - command.at)} ago`)
      : row('COMMAND', 'not read yet', '', 'dim'),
  );
  if (link) rows.push(row('link', linkText(link), `${raw(link.raw)}, read ${ageText(now - link.at)} ago`));
  const irqs = irqText(status);
  rows.push(
    irqHolder && irqs === ''
      ? row('interrupts', `process ${holderText(irqHolder)} has them`)
      : row('interrupts', irqs === '' ? 'none enabled' : `${irqs} enabled`),
  );
  const { buffers, bytes } = dma;
  rows.push(row('DMA', buffers === 0 ? 'nothing mapped' : `${amountText(bytes)} mapped`, count(buffers)));
  if (others.length > 0) rows.push(row('shared', `with ${others.map(holderText).join(', ')}`));
  return new View(`${path}  ${driver}${spec === path ? '' : `  ${spec}`}`, [], rows);
}

const count = (buffers: number): string => (buffers === 0 ? '' : `${buffers} ${buffers === 1 ? 'buffer' : 'buffers'}`);

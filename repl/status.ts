/**
 * The status line: what the kernel has told of its cards, with the age of what was read of them, in one line that fits; and what is lost
 * with a kernel. Nothing here asks anybody.
 */
import type { CardStatus, KernelStatus } from '../kernel/client.js';
import { ageChange, ageText, amountText, commandText, holderText, irqText, linkText } from '../lib/status.js';
import { columns, fit, type Line, type Look, lineText, span, visible } from './line.js';

/** What a kernel told, and when it came. */
export interface Told extends KernelStatus {
  /** By our own clock. */
  readonly heard: number;
}

/** Our `now` by the kernel's clock. */
export const kernelTime = ({ now, heard }: Pick<Told, 'now' | 'heard'>, ours: number): number => now + (ours - heard);

interface Piece {
  readonly text: string;
  readonly look?: Look;
  /** The higher, the sooner it is left out. */
  readonly rank: number;
  /** In place of `text` when something would have to be left out. */
  readonly short?: string;
}

const GAP = '  ';

/** 'was taken away at 12:03:04: its driver asked for it (REQ)': what of it fits a line. */
const gist = (gone: string): string => /^(?:was )?([^:]*(?::\d\d)*)/.exec(gone)?.[1]?.trim() ?? gone;

/** A dump is called by its file's name here. */
const nameOf = (path: string): string => path.replace(/:.*\//, ':');

function pieces(card: CardStatus, more: number, now: number): Piece[] {
  const { path, driver, gone, onesAt, command, link, irqHolder, dma, others } = card;
  const age = (at: number): string => `(${ageText(now - at)})`;
  const trouble = gone !== undefined || onesAt !== undefined;
  const all: Piece[] = [{ text: nameOf(path), rank: 0, ...(trouble && { look: 'bad' }) }];
  if (gone !== undefined) all.push({ text: gist(gone), look: 'bad', rank: 1, short: 'gone' });
  else if (onesAt !== undefined)
    all.push({ text: `answers all-ones ${age(onesAt)}`, look: 'bad', rank: 1, short: 'all-ones' });
  all.push({ text: driver, rank: 8, short: driver.split(',', 1)[0] ?? '' });
  if (!trouble && command) all.push({ text: `${commandText(command)} ${age(command.at)}`, rank: 2 });
  if (!trouble && !command) all.push({ text: 'COMMAND not read', rank: 9 });
  if (!trouble && link) all.push({ text: `${linkText(link)} ${age(link.at)}`, rank: 5 });
  const irqs = irqText(card);
  if (gone === undefined && irqs !== '') all.push({ text: irqs, rank: 3 });
  else if (irqHolder) all.push({ text: `interrupts: ${holderText(irqHolder)}`, rank: 7 });
  if (gone === undefined && dma.buffers > 0) all.push({ text: `DMA ${amountText(dma.bytes)}`, rank: 6 });
  if (others.length > 0)
    all.push({
      text: `with ${others.map(holderText).join(', ')}`,
      rank: 7,
      short: `with ${others.length} more`,
    });
  if (more > 0) all.push({ text: `+${more} ${more === 1 ? 'card' : 'cards'}`, rank: 4 });
  return all;
}

/** One line about the card used last, or none where there is no card. What matters less is left out where it does not fit. */
export function statusLine(told: Told | undefined, width: number, now: number): Line | undefined {
  const [card, ...more] = told?.cards ?? [];
  if (!told || !card) return undefined;
  let chosen = pieces(card, more.length, kernelTime(told, now));
  const wide = (): number => chosen.reduce((sum, { text }) => sum + columns(text) + GAP.length, -GAP.length);
  const ranks = chosen.map(({ rank }) => rank).sort((a, b) => b - a);
  for (const last of ranks) {
    if (wide() < width) break;
    chosen = chosen.map((piece) => (piece.rank === last ? { ...piece, text: piece.short ?? piece.text } : piece));
    if (wide() < width || last <= 1) continue;
    chosen = chosen.filter(({ rank }) => rank !== last);
  }
  const line = chosen.flatMap(({ text, look = 'dim' }, index) => [
    ...(index === 0 ? [] : [span(GAP)]),
    span(visible(text), look),
  ]);
  return wide() < width ? line : [span(fit(lineText(line), width - 1), line[0]?.look)];
}

/** When an age in the line changes next, in milliseconds; undefined where it shows none. */
export function statusChange(told: Told | undefined, now: number): number | undefined {
  const [card] = told?.cards ?? [];
  if (!told || !card || card.gone !== undefined) return undefined;
  const times = card.onesAt === undefined ? [card.command?.at, card.link?.at] : [card.onesAt];
  const due = times.filter((at) => at !== undefined).map((at) => ageChange(kernelTime(told, now) - at));
  return due.length === 0 ? undefined : Math.min(...due);
}

/** So many variables are named. */
const NAMED = 6;

/** 'dev (0000:03:00.0), edu, buf and 3 more; its card is closed': what is lost with a kernel. */
export function lostText(told: Told | undefined): string {
  const open = (told?.cards ?? []).filter(({ gone }) => gone === undefined);
  const holders = new Map(open.map(({ name, path }) => [name, path]));
  const variables = [...(told?.variables ?? [])];
  const names = variables
    .sort((a, b) => Number(holders.has(b)) - Number(holders.has(a)))
    .map((name) => (holders.has(name) ? `${name} (${holders.get(name)})` : name));
  const named = names.length > NAMED ? [...names.slice(0, NAMED - 1), `${names.length - NAMED + 1} more`] : names;
  const last = named.pop();
  const lost = named.length === 0 ? last : `${named.join(', ')} and ${last}`;
  const paths = open.map(({ path }) => path);
  const cards =
    paths.length === 0 ? '' : `; ${paths.length === 1 ? 'its card is' : `its cards (${paths.join(', ')}) are`} closed`;
  return `${lost === undefined ? 'no variables are lost' : `lost: ${lost}`}${cards}`;
}

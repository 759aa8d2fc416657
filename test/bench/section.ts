/** What a part of the bench is. Each measures its own contenders and says what it aims at. */
import type { NeedName } from '../needs.js';
import type { Aim, Figure } from './measure.js';

export interface Section {
  /** As it is called on the command line. */
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  readonly aims: readonly Aim[];
  /** `have` tells whether a need is met; what is not is named in the table. */
  measure(rounds: number, have: (need: NeedName) => boolean): Promise<readonly Figure[]>;
}

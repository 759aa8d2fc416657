/** A soak: something done over and over, after which nothing may be left behind. */

export interface Soak {
  readonly name: string;
  /** What it does, for people. */
  readonly title: string;
  /** What `count` counts. Default 'times'. */
  readonly unit?: 'seconds';
  /** How often (how long) by default: for `npm run soak`, and for its short form in `npm test`. */
  readonly count: number;
  readonly short: number;
  /** The test file that has its short form already: a guest that is booted anyway. */
  readonly shortIn?: string;
  /**
   * Does it `count` times. Throws where something is left behind, or wrong.
   * @param spec the card, as `open()` takes it
   * @returns what was seen, in a line
   */
  run(count: number, spec: string): Promise<string>;
}

/** Two texts of the same function, compared line by line. */

/** Lines that may differ, and why. At most ten. */
export const EXCUSED: readonly { readonly pattern: RegExp; readonly reason: string }[] = [];

export interface Difference {
  /** lspci's lines. */
  readonly lines: number;
  /** Those of them that are ours too, in order. */
  readonly same: number;
  readonly excused: number;
  /** '-' and a line of lspci's that is not ours, '+' and one of ours that is not lspci's. */
  readonly different: readonly string[];
}

/** As diff would: the longest common subsequence. */
export function compare(theirs: readonly string[], ours: readonly string[]): Difference {
  const longest = table(theirs, ours);
  const different: string[] = [];
  let [i, j, same] = [0, 0, 0];
  while (i < theirs.length || j < ours.length) {
    if (i < theirs.length && j < ours.length && theirs[i] === ours[j]) {
      same += 1;
      i += 1;
      j += 1;
    } else if (j >= ours.length || (i < theirs.length && at(longest, i + 1, j) >= at(longest, i, j + 1))) {
      different.push(`-${theirs[i++]}`);
    } else different.push(`+${ours[j++]}`);
  }
  const left = different.filter((line) => !EXCUSED.some(({ pattern }) => pattern.test(line)));
  return { lines: theirs.length, same, excused: different.length - left.length, different: left };
}

const at = (rows: readonly Uint16Array[], i: number, j: number): number => rows[i]?.[j] ?? 0;

function table(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = rows[i] as Uint16Array;
    for (let j = b.length - 1; j >= 0; j -= 1) {
      row[j] = a[i] === b[j] ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}

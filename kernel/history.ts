/** history_request: the cells of this session, by range, by pattern, or the last ones. */
import type { Json } from './wire.js';

export function search(cells: readonly (readonly [count: number, code: string])[], content: Json): unknown[] {
  const { hist_access_type, n, start, stop, pattern, unique, output } = content;
  let found = [...cells];
  if (hist_access_type === 'range') {
    const last = Number(stop ?? Number.POSITIVE_INFINITY);
    found = found.filter(([count]) => count >= Number(start ?? 0) && count < last);
  } else if (hist_access_type === 'search') {
    const glob = String(pattern ?? '*')
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.');
    const matches = new RegExp(`^${glob}$`, 's');
    found = found.filter(([, code]) => matches.test(code));
    if (unique === true) found = [...new Map(found.map((cell) => [cell[1], cell])).values()];
  }
  if (hist_access_type !== 'range' && typeof n === 'number') found = n > 0 ? found.slice(-n) : [];
  return found.map(([count, code]) => [1, count, output === true ? [code, null] : code]);
}

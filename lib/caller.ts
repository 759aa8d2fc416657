/** Where in the user's code a call of ours was made: for errors and reports that name the place. */

const OWN = new URL('.', import.meta.url).href;

/** ' (at In[3]:1:13)': the first frame of this call's stack that is not ours; '' where there is none. */
export function caller(): string {
  return callSite()();
}

/** As `caller()`, for a place that may never be asked for: only what must be taken now is taken now. */
export function callSite(): () => string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Math.max(stackTraceLimit, 12);
  const here = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return () => {
    const frames = (here.stack ?? '').split('\n').slice(1);
    const frame = frames.find((line) => !line.includes(OWN) && !line.includes('node:internal'));
    const place = frame === undefined ? undefined : /\(?((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(frame)?.[1];
    return place === undefined ? '' : ` (at ${place})`;
  };
}

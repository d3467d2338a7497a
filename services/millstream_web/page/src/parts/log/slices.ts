/** Work in slices, with everything else of the page between them. */
const SLICE_MS = 8;

/** Let the page draw and answer before going on. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A clock for a loop that awaits: says when it has gone on long enough without a pause. */
export class Slice {
  private start = performance.now();

  async rest(): Promise<void> {
    if (performance.now() - this.start < SLICE_MS) return;
    await pause();
    this.start = performance.now();
  }
}

/** Call `step` as long as it returns true. Returns how to stop. */
export function inSlices(step: () => boolean, done: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    const until = performance.now() + SLICE_MS;
    let goesOn = true;
    while (goesOn && performance.now() < until) goesOn = step();
    done();
    timer = goesOn ? setTimeout(run) : undefined;
  };
  run();
  return () => clearTimeout(timer);
}

import { asPxenError } from '../base/error.ts';
import type { Log, Service } from '../base/ports.ts';

/** Everything must be gone within 2 s of SIGTERM; a part that does not stop in this time is left behind. Milliseconds. */
const STOP_LIMIT = 1500;

/** Starts services in order. When one fails, it (half of it may run) and those before it are stopped in reverse, and its error is thrown. */
export async function startAll(services: readonly Service[], log: Log): Promise<void> {
  for (const [position, service] of services.entries()) {
    try {
      await service.start();
      log.debug('pxend', `${service.name} started`);
    } catch (error) {
      await stopAll(services.slice(0, position + 1), log);
      throw error;
    }
  }
}

/** Stops services in reverse order; one that fails or hangs does not keep the others from stopping. */
export async function stopAll(services: readonly Service[], log: Log): Promise<void> {
  const deadline = performance.now() + STOP_LIMIT;
  for (const service of services.toReversed()) {
    const left = Math.max(50, deadline - performance.now());
    await limited(service.stop(), left).catch(error => {
      log.warn('pxend', `${service.name} did not stop: ${asPxenError(error).message}`);
    });
  }
}

function limited(work: Promise<void>, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`still busy after ${Math.round(milliseconds)} ms`)),
      milliseconds,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

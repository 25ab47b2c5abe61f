import { formatDiagnostic } from '../base/diagnostic.ts';
import type { Log, Service } from '../base/ports.ts';
import type { OverlayService } from '../service/overlay/overlay.ts';
import type { MachineNames } from './machines.ts';

/**
 * Builds all overlays before the first machine is answered, so that none gets those of an older pxen or address.
 * A folder with problems keeps its last good overlay and keeps nobody from booting.
 */
export class FirstBuild implements Service {
  readonly name = 'overlays';
  readonly #overlays: OverlayService;
  readonly #names: MachineNames;
  readonly #log: Log;
  #trouble: string | undefined;

  constructor(overlays: OverlayService, names: MachineNames, log: Log) {
    this.#overlays = overlays;
    this.#names = names;
    this.#log = log;
  }

  async start(): Promise<void> {
    const { folders, problems } = await this.#overlays.build();
    for (const problem of problems) this.#log.warn('overlay', formatDiagnostic(problem));
    if (problems.length > 0)
      this.#trouble = `${problems.length} problems in /host0; see: mesh system configure --check`;
    const served = folders.filter(folder => folder.served).length;
    this.#log.info('overlay', `${served} of ${folders.length} machine folders are served`);
    await this.#names.refresh();
  }

  async stop(): Promise<void> {}

  health(): string | undefined {
    return this.#trouble;
  }
}

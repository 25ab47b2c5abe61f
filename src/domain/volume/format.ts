import { CAPABILITIES, type Engine } from '../vm/capabilities.ts';
import type { Volume, VolumeFormat, Workload } from '../workload/workload.ts';

/** The workload with the format of every disk said: without a word qcow2, and raw where its engine reads nothing else. */
export function withFormats(workload: Workload): Workload {
  const { engine, volumes } = workload;
  return { ...workload, volumes: volumes.map(volume => ({ ...volume, format: formatOf(volume, engine) })) };
}

function formatOf({ format, type }: Volume, engine: Engine): VolumeFormat | undefined {
  if (type === 'iso') return undefined;
  return format ?? (readsQcow2(engine) ? 'qcow2' : 'raw');
}

function readsQcow2(engine: Engine): boolean {
  const capability = CAPABILITIES.find(
    ({ keys, only }) => keys.includes('platform.volume.<id>.format') && only?.includes('qcow2'),
  );
  return capability?.engines[engine] === true;
}

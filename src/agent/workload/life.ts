import type { WorkloadState } from '../../domain/workload/status.ts';
import type { QmpEvent } from '../../wire/qmp/message.ts';

/** What a virtual machine tells of itself. */
export interface Life {
  readonly state: Extract<WorkloadState, 'running' | 'paused'>;
  /** What is not as it should be, in one sentence. */
  readonly problem?: string | undefined;
  /** It is about to end, for this reason: a ShutdownCause of QEMU's qapi/run-state.json. */
  readonly shutdown?: string | undefined;
  /** Nothing has run yet: it waits before the first instruction until it is told to go on. */
  readonly prelaunch?: boolean | undefined;
}

/** What is true after an event of QMP, see QEMU's qapi/run-state.json and qapi/block-core.json. */
export function afterEvent(
  life: Life,
  { data, name }: Pick<QmpEvent, 'data' | 'name'>,
  called: string,
): Life {
  // An engine stops the processors of a machine that ends; that is no pause.
  if (life.shutdown !== undefined) return life;
  switch (name) {
    case 'SHUTDOWN':
      return { ...life, shutdown: field(data, 'reason') ?? 'unknown' };
    case 'STOP':
      return { ...life, state: 'paused' };
    case 'RESUME':
    case 'RESET':
      return { state: name === 'RESUME' ? 'running' : life.state };
    case 'GUEST_PANICKED':
      return { ...life, problem: 'the guest panicked' };
    case 'BLOCK_IO_ERROR':
      return { ...life, problem: blockTrouble(data, called) };
    default:
      return life;
  }
}

/** What is true by an answer to `query-status`: its `status` is a RunState of qapi/run-state.json. */
export function lifeOf(answer: unknown, called: string): Life {
  const status = field(answer, 'status') ?? 'unknown';
  switch (status) {
    case 'running':
    // The guest sleeps (ACPI S3).
    case 'suspended':
      return { state: 'running' };
    case 'io-error':
      return {
        state: 'paused',
        problem: `${called} paused the guest: a volume could not be read or written`,
      };
    case 'internal-error':
      return {
        state: 'paused',
        problem: `${called} stopped the guest: it could not go on running it (internal-error)`,
      };
    case 'guest-panicked':
      return { state: 'paused', problem: 'the guest panicked' };
    case 'prelaunch':
      return { state: 'paused', prelaunch: true };
    default:
      return { state: 'paused' };
  }
}

function blockTrouble(data: unknown, called: string): string {
  const device = field(data, 'device') || field(data, 'node-name') || 'a volume';
  const why = field(data, 'reason') ?? 'the node reports an error';
  const then = field(data, 'action') === 'stop' ? `; ${called} paused the guest until it is resumed` : '';
  return `${device}: ${field(data, 'operation') ?? 'access'} failed: ${why}${then}`.slice(0, 500);
}

function field(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'string' ? found : undefined;
}

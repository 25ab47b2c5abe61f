import type { ServerResponse } from 'node:http';
import * as z from 'zod';
import { badRequest } from '../../api/error.ts';
import { PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { isUuid } from '../workload/finding.ts';
import { StateFolder } from '../workload/folder.ts';
import { LogFile } from '../workload/logfile.ts';
import { delay } from '../workload/waiting.ts';
import type { Workloads } from '../workload/workloads.ts';
import { written } from '../workload/written.ts';

export interface OutputPorts {
  readonly root: string;
  readonly workloads: Pick<Workloads, 'find'>;
  readonly clock: Clock;
}

const query = z.object({
  of: z.enum(['log', 'serial']).default('log'),
  lines: z.coerce.number().int().nonnegative().max(1_000_000).default(1_000_000),
  follow: z.enum(['0', '1']).default('0'),
});

/** Milliseconds between two looks for more. */
const LOOK_EVERY = 200;
/** Bytes that are sent in one go. */
const PIECE = 64 * 1024;

/** `GET /v1/workloads/:uuid/output`: the last lines of a log, and what follows as long as the workload runs. */
export async function sendOutput(
  response: ServerResponse,
  uuid: string,
  params: URLSearchParams,
  ports: OutputPorts,
): Promise<void> {
  const asked = query.safeParse(Object.fromEntries(params));
  if (!asked.success) throw badRequest('the request for output', asked.error);
  const { follow, lines, of } = asked.data;
  const log = logOf(uuid, of, ports);
  const { end, text } = log.tail(lines);
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  await written(response, text);
  if (follow === '1') await sendMore(response, log, end, uuid, ports);
  response.end();
}

/** That of a start that failed can be read too. */
function logOf(uuid: string, of: 'log' | 'serial', { root, workloads }: OutputPorts): LogFile {
  const machine = workloads.find(uuid);
  if (machine) return of === 'log' ? machine.output : machine.serial;
  const folder = isUuid(uuid) ? new StateFolder(root, uuid) : undefined;
  if (folder?.read('log') !== undefined) return new LogFile(folder.at(of === 'log' ? 'log' : 'serialLog'));
  throw new PxenError(
    'NOT_FOUND',
    `no workload ${JSON.stringify(uuid)} runs on this node or was started on it`,
  );
}

async function sendMore(
  response: ServerResponse,
  log: LogFile,
  from: number,
  uuid: string,
  { clock, workloads }: OutputPorts,
): Promise<void> {
  for (let place = from; !response.destroyed; ) {
    const machine = workloads.find(uuid);
    const more = log.since(place, PIECE);
    if (more && more.text.length > 0) {
      place = more.end;
      await written(response, more.text);
      continue;
    }
    if (!machine || machine.end) return;
    await delay(clock, LOOK_EVERY);
  }
}

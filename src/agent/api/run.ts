import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AgentLine, agentRunSchema, MAX_WORKLOAD_BYTES } from '../../api/agent.ts';
import { errorBody } from '../../api/error.ts';
import { NDJSON } from '../../api/paths.ts';
import { asPxenError } from '../../base/error.ts';
import type { Workloads } from '../workload/workloads.ts';
import { requestOf } from './body.ts';

/** JSON may write a character as six (`\u00e4`); every other uuid takes up to 67 bytes with its quotes. */
const MAX_BODY = 6 * MAX_WORKLOAD_BYTES + 65_536 * 67 + 16 * 1024;
/** What a client that reads nothing may leave in our memory before it misses progress. Bytes. */
const MOST_UNREAD = 256 * 1024;

/**
 * `POST /v1/run`: nothing happens before the whole request is there and has its form. From then on the command goes on to
 * its end, whether somebody listens or not.
 */
export async function carryOut(
  request: IncomingMessage,
  response: ServerResponse,
  workloads: Pick<Workloads, 'run'>,
): Promise<void> {
  const run = await requestOf(request, MAX_BODY, 'the command for a workload', agentRunSchema);
  response.writeHead(200, { 'content-type': NDJSON });
  const tell = (line: AgentLine): void => {
    const isExpendable = 'progress' in line && response.writableLength > MOST_UNREAD;
    if (!isExpendable && !response.destroyed) response.write(`${JSON.stringify(line)}\n`);
  };
  try {
    tell({ done: await workloads.run(run, tell) } as AgentLine);
  } catch (thrown) {
    tell(errorBody(asPxenError(thrown)));
  }
  response.end();
}

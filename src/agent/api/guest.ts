import type { IncomingMessage, ServerResponse } from 'node:http';
import { guestRequestSchema, MAX_GUEST_REQUEST_BYTES } from '../../api/guest.ts';
import { PxenError } from '../../base/error.ts';
import type { GuestAgent } from '../vm/guest-agent.ts';
import type { Workloads } from '../workload/workloads.ts';
import { sendJson } from './answer.ts';
import { requestOf } from './body.ts';

/** `POST /v1/workloads/:uuid/guest`: has the agent in the guest do something; whoever hangs up waits no longer for it. */
export async function askGuest(
  request: IncomingMessage,
  response: ServerResponse,
  uuid: string,
  workloads: Pick<Workloads, 'find'>,
): Promise<void> {
  const asked = await requestOf(
    request,
    MAX_GUEST_REQUEST_BYTES,
    'the request for a guest agent',
    guestRequestSchema,
  );
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  sendJson(response, 200, await agentOf(uuid, workloads).answer(asked, gone.signal));
}

function agentOf(uuid: string, workloads: Pick<Workloads, 'find'>): GuestAgent {
  const machine = workloads.find(uuid);
  if (!machine) throw new PxenError('NOT_FOUND', `no workload ${JSON.stringify(uuid)} runs on this node`);
  const { end, guest, name, state } = machine;
  if (end) throw new PxenError('WORKLOAD_STATE', `${name}: does not run any more: ${end.reason}`);
  if (!guest)
    throw new PxenError('WORKLOAD_STATE', `${name}: has no channel to a guest agent`, {
      details: ['put runtime.qga=1 into its file, and restart it'],
    });
  if (state === 'paused')
    throw new PxenError('WORKLOAD_STATE', `${name}: is paused, and so its guest agent is; resume it first`);
  return guest;
}

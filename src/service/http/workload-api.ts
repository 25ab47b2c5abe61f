import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type Express, type Response } from 'express';
import * as z from 'zod';
import { CONSOLE_PROTOCOL } from '../../api/agent.ts';
import { badRequest, errorAnswer } from '../../api/error.ts';
import {
  type GuestAnswer,
  type GuestRequest,
  guestRequestSchema,
  MAX_GUEST_REQUEST_BYTES,
} from '../../api/guest.ts';
import { NDJSON, PATHS } from '../../api/paths.ts';
import {
  type WorkloadLine,
  type WorkloadRun,
  type WorkloadView,
  workloadRunSchema,
} from '../../api/workloads.ts';
import { asPxenError, PxenError } from '../../base/error.ts';
import { forStrangers } from './answer.ts';

/** What the API tells of workloads and does with them. */
export interface WorkloadBackstage {
  workloads(): Promise<WorkloadView[]>;
  /** Every line reaches `onLine`; resolves when each workload has had its last one. Rejects before anything is done. */
  runWorkloads(
    request: WorkloadRun,
    onLine: (line: WorkloadLine) => void | Promise<void>,
    abort: AbortSignal,
  ): Promise<void>;
  workloadOutput(name: string, wanted: OutputQuery, abort: AbortSignal): Promise<Readable>;
  /** The bytes of the serial console, both ways. */
  workloadConsole(name: string, abort: AbortSignal): Promise<Duplex>;
  /** What the agent in its guest answers. */
  workloadGuest(name: string, request: GuestRequest, abort: AbortSignal): Promise<GuestAnswer>;
}

/** 4096 names of 256 characters, and what JSON puts around them. */
const MAX_RUN_BYTES = 2 * 1024 * 1024;

const outputQuery = z.object({
  of: z.enum(['log', 'serial']).default('log'),
  lines: z.coerce.number().int().nonnegative().max(1_000_000).default(1_000_000),
  follow: z
    .enum(['0', '1'])
    .default('0')
    .transform(value => value === '1'),
});

export type OutputQuery = z.infer<typeof outputQuery>;

/** Waits where the reader is slow. */
export type WriteLine = (response: Response, text: string) => Promise<void>;

/** For those who have shown that they may. */
export function workloadRoutes(app: Express, back: WorkloadBackstage, write: WriteLine): void {
  app.get(PATHS.workloads, async (_request, response) => {
    response.json({ workloads: await back.workloads() });
  });
  app.post(PATHS.workloadRun, express.json({ limit: MAX_RUN_BYTES }), async (request, response) => {
    const parsed = workloadRunSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the request', parsed.error);
    response.type(NDJSON);
    await back.runWorkloads(
      parsed.data,
      line => write(response, `${JSON.stringify(line)}\n`),
      goneWith(response),
    );
    response.end();
  });
  app.get(PATHS.workloadOutput, async (request, response) => {
    const asked = outputQuery.safeParse(request.query);
    if (!asked.success) throw badRequest('the request for output', asked.error);
    const text = await back.workloadOutput(request.params.name, asked.data, goneWith(response));
    response.type('text/plain; charset=utf-8').flushHeaders();
    // Whoever reads sees that it broke off; a reader who has seen enough is no fault.
    await pipeline(text, response).catch(() => response.destroy());
  });
  app.post(
    PATHS.workloadGuest,
    express.json({ limit: MAX_GUEST_REQUEST_BYTES }),
    async (request, response) => {
      const asked = guestRequestSchema.safeParse(request.body);
      if (!asked.success) throw badRequest('the request for a guest agent', asked.error);
      response.json(await back.workloadGuest(request.params.name, asked.data, goneWith(response)));
    },
  );
  app.get(PATHS.workloadConsole, () => {
    throw new PxenError('BAD_REQUEST', `a console is asked for with Upgrade: ${CONSOLE_PROTOCOL}`);
  });
}

function goneWith(response: Response): AbortSignal {
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  return abort.signal;
}

/** A console may be silent for days; after so many milliseconds the kernel asks whether its visitor is still there. */
const KEEP_ALIVE = 30_000;

/** Somebody who wants a console; `head` is what came with the request already. */
export interface Visitor {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Requests for anything else are answered as if they did not offer to upgrade (RFC 9110 section 7.8). */
export function wantsConsole(request: IncomingMessage): boolean {
  return request.headers.upgrade === CONSOLE_PROTOCOL;
}

const CONSOLE_PATH = new RegExp(`^${PATHS.workloadConsole.replace(':name', '([^/?]+)')}$`);

/** Joins visitors with consoles, and cuts them off in the end: a server does not know of connections it has handed over. */
export class Consoles {
  readonly #open = new Set<Duplex>();

  /** Never rejects: who cannot come in is told why. `admit` rejects where the visitor may not. */
  async visit(
    { request, socket, head }: Visitor,
    admit: () => Promise<void>,
    back: Pick<WorkloadBackstage, 'workloadConsole'>,
  ): Promise<void> {
    const gone = new AbortController();
    let trusted = false;
    request.socket.setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      gone.abort();
    });
    // An error is followed by the end, which is all that matters.
    socket.on('error', () => {});
    try {
      await admit();
      trusted = true;
      const console = await back.workloadConsole(nameIn(request), gone.signal);
      join(socket, head, console);
    } catch (thrown) {
      const error = asPxenError(thrown);
      socket.end(errorAnswer(trusted ? error : forStrangers(error)), () => socket.destroy());
    }
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

function nameIn({ method, url = '' }: IncomingMessage): string {
  const encoded = method === 'GET' ? CONSOLE_PATH.exec(url)?.[1] : undefined;
  if (encoded === undefined) throw new PxenError('NOT_FOUND', `${method} ${url}: no such console`);
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw new PxenError('BAD_REQUEST', `${url}: wrong percent encoding`, { cause });
  }
}

/** Each end that is done says so to the other, and one that is gone takes the other along. */
function join(socket: Duplex, head: Buffer, console: Duplex): void {
  if (socket.destroyed) return void console.destroy();
  console.on('error', () => {});
  console.once('close', () => socket.end(() => socket.destroy()));
  socket.once('close', () => console.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CONSOLE_PROTOCOL}\r\nConnection: Upgrade\r\n\r\n`,
  );
  if (head.length > 0) console.write(head);
  socket.pipe(console);
  console.pipe(socket);
}

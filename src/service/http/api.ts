import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import { type CtlLine, type CtlRequest, ctlRequestSchema } from '../../api/ctl.ts';
import { badRequest, errorBody } from '../../api/error.ts';
import type { Health, NodeDetail, NodeSummary } from '../../api/nodes.ts';
import { MAX_REPORT_BYTES, MAX_REQUEST_BYTES, NDJSON, PATHS } from '../../api/paths.ts';
import { type Report, type ReportAnswer, reportSchema } from '../../api/report.ts';
import { formatBytes } from '../../base/bytes.ts';
import { asPxenError, ERROR_KINDS, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Log } from '../../base/ports.ts';
import { type MachineId, parseMachineId } from '../../domain/machine/genid.ts';

/** What the API tells and does; the registry and the remote control are behind it. */
export interface Backstage {
  report(report: Report, from: Ipv4, token: string | undefined): Promise<ReportAnswer>;
  nodes(): Promise<NodeSummary[]>;
  /** Rejects with NOT_FOUND. */
  node(id: MachineId): Promise<NodeDetail>;
  /** Runs the command; every line reaches `onLine`; resolves when all nodes are done. */
  ctl(
    request: CtlRequest,
    onLine: (line: CtlLine) => void | Promise<void>,
    abort: AbortSignal,
  ): Promise<void>;
  health(): Health;
}

/** What any machine on the network may call: its report, and whether this host is well. */
export function publicApi(back: Backstage, log: Log): Express {
  const app = bare();
  app.get(PATHS.health, health(back));
  app.post(PATHS.report, express.json({ limit: MAX_REPORT_BYTES }), async (request, response) => {
    const parsed = reportSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the report', parsed.error);
    const token = /^Bearer (\S+)$/.exec(request.get('authorization') ?? '')?.[1];
    response.json(await back.report(parsed.data, request.socket.remoteAddress as Ipv4, token));
  });
  return ended(app, log);
}

/** What `mesh` calls over the control socket: local root, everything allowed. */
export function controlApi(back: Backstage, log: Log): Express {
  const app = bare();
  app.get(PATHS.health, health(back));
  app.get(PATHS.nodes, async (_request, response) => {
    response.json({ nodes: await back.nodes() });
  });
  app.get(PATHS.node, async (request, response) => {
    const id = parseMachineId(request.params.id);
    if (!id)
      throw new PxenError(
        'BAD_REQUEST',
        `${request.params.id} is no machine id, expected 8 lower-case hex digits`,
      );
    response.json(await back.node(id));
  });
  app.post(PATHS.ctl, express.json({ limit: MAX_REQUEST_BYTES }), async (request, response) => {
    const parsed = ctlRequestSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the request', parsed.error);
    await streamCtl(back, parsed.data, response);
  });
  return ended(app, log);
}

async function streamCtl(back: Backstage, request: CtlRequest, response: Response): Promise<void> {
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  response.type(NDJSON);
  await back.ctl(request, line => write(response, `${JSON.stringify(line)}\n`), abort.signal);
  response.end();
}

/** Waits where the reader is slow: a node that prints without end must not fill the memory of host0. */
async function write(response: Response, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await new Promise<void>(resolve => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function bare(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  return app;
}

function health(back: Backstage): RequestHandler {
  return (_request, response) => {
    const state = back.health();
    response.status(state.ok ? 200 : 503).json(state);
  };
}

/** Whatever nothing answered, and whatever threw: one error body, never a stack trace. */
function ended(app: Express, log: Log): Express {
  app.use((request, _response, next) => {
    next(new PxenError('NOT_FOUND', `${request.method} ${request.path}: no such path`));
  });
  const onError: ErrorRequestHandler = (thrown, request, response, _next) => {
    const error = isBodyError(thrown)
      ? new PxenError('BAD_REQUEST', bodyProblem(thrown), { cause: thrown })
      : asPxenError(thrown);
    if (error.code === 'INTERNAL') log.error('http', `${request.method} ${request.path}: ${error.message}`);
    if (response.headersSent) response.destroy();
    else response.status(ERROR_KINDS[error.code].http).type('json').json(errorBody(error));
  };
  app.use(onError);
  return app;
}

/** What express.json() throws for a body that is too large or no JSON. */
type BodyError = Error & { readonly status: number; readonly type?: unknown; readonly limit?: unknown };

function isBodyError(thrown: unknown): thrown is BodyError {
  return (
    thrown instanceof Error && 'status' in thrown && typeof thrown.status === 'number' && thrown.status < 500
  );
}

function bodyProblem({ type, limit, message }: BodyError): string {
  if (type === 'entity.too.large') return `the body is larger than ${formatBytes(Number(limit))}`;
  if (type === 'entity.parse.failed') return `the body is no JSON: ${message}`;
  return message;
}

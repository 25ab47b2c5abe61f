import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import { type CtlLine, type CtlRequest, ctlRequestSchema } from '../../api/ctl.ts';
import { badRequest, errorBody } from '../../api/error.ts';
import type { Health, NodeDetail, NodeSummary } from '../../api/nodes.ts';
import { MAX_REPORT_BYTES, MAX_REQUEST_BYTES, METRICS_TYPE, NDJSON, PATHS, PCAPNG } from '../../api/paths.ts';
import { type Report, type ReportAnswer, reportSchema } from '../../api/report.ts';
import type { Status } from '../../api/status.ts';
import { formatBytes } from '../../base/bytes.ts';
import { asPxenError, ERROR_KINDS, PxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Audience } from '../../base/meter.ts';
import type { Log } from '../../base/ports.ts';
import { type MachineId, parseMachineId } from '../../domain/machine/genid.ts';
import { forStrangers } from './answer.ts';
import { type ApiGate, LOCKED_SECONDS, type ReportGate } from './gate.ts';
import { type PlacementBackstage, placementRoutes } from './placement-api.ts';
import { type WorkloadBackstage, workloadRoutes } from './workload-api.ts';

/** What the API tells and does; the registry and the remote control are behind it. */
export interface Backstage extends WorkloadBackstage, PlacementBackstage {
  report(report: Report, from: Ipv4, token: string | undefined): Promise<ReportAnswer>;
  nodes(): Promise<NodeSummary[]>;
  /** Rejects with NOT_FOUND. */
  node(id: MachineId): Promise<NodeDetail>;
  /** Rejects with NOT_FOUND, or CONFLICT while the node is up. */
  forget(id: MachineId): Promise<void>;
  /** Runs the command; every line reaches `onLine`; resolves when all nodes are done. */
  ctl(
    request: CtlRequest,
    onLine: (line: CtlLine) => void | Promise<void>,
    abort: AbortSignal,
  ): Promise<void>;
  /** The last boot as pcapng. Rejects with NOT_FOUND. */
  capture(id: MachineId): Promise<Uint8Array>;
  status(): Promise<Status>;
  health(): Health;
}

/** The text of /metrics, for whom it is. */
export type Figures = (audience: Audience) => Promise<string>;

/**
 * What the network may call. Any machine: its report, whether this host is well, and figures. With the API token: all
 * that `mesh` may do on this host.
 */
export function publicApi(
  back: Backstage,
  metrics: Figures,
  { gate, reports }: { gate: ApiGate; reports: ReportGate },
  log: Log,
): Express {
  const app = bare();
  app.get(PATHS.health, health(back));
  app.post(
    PATHS.report,
    limited(reports),
    express.json({ limit: MAX_REPORT_BYTES }),
    async (request, response) => {
      const parsed = reportSchema.safeParse(request.body);
      if (!parsed.success) throw badRequest('the report', parsed.error);
      const token = /^Bearer (\S+)$/.exec(request.get('authorization') ?? '')?.[1];
      response.json(await back.report(parsed.data, request.socket.remoteAddress as Ipv4, token));
    },
  );
  app.get(PATHS.metrics, async (request, response) => {
    const shown = request.get('authorization');
    if (shown !== undefined) await gate.check(request.socket.remoteAddress as Ipv4, shown);
    response.type(METRICS_TYPE).send(await metrics(shown === undefined ? 'anybody' : 'trusted'));
  });
  app.use('/api/v1', async (request, response, next) => {
    await gate.check(request.socket.remoteAddress as Ipv4, request.get('authorization'));
    response.locals['trusted'] = true;
    // A command may say nothing for longer than a download may stall.
    request.socket.setTimeout(0);
    next();
  });
  administration(app, back);
  return ended(app, log);
}

/** Before anything of the body is looked at. */
function limited(reports: ReportGate): RequestHandler {
  return (request, _response, next) => {
    reports.check(request.socket.remoteAddress as Ipv4);
    next();
  };
}

/** What `mesh` calls over the control socket: local root, everything allowed. */
export function controlApi(back: Backstage, metrics: Figures, log: Log): Express {
  const app = bare();
  app.use((_request, response, next) => {
    response.locals['trusted'] = true;
    next();
  });
  app.get(PATHS.health, health(back));
  app.get(PATHS.metrics, async (_request, response) => {
    response.type(METRICS_TYPE).send(await metrics('trusted'));
  });
  administration(app, back);
  return ended(app, log);
}

/** For those who have shown that they may. */
function administration(app: Express, back: Backstage): void {
  app.get(PATHS.nodes, async (_request, response) => {
    response.json({ nodes: await back.nodes() });
  });
  app.get(PATHS.node, async (request, response) => {
    response.json(await back.node(machineIdIn(request.params.id)));
  });
  app.delete(PATHS.node, async (request, response) => {
    const id = machineIdIn(request.params.id);
    await back.forget(id);
    response.json({ forgotten: id });
  });
  app.get(PATHS.capture, async (request, response) => {
    const capture = await back.capture(machineIdIn(request.params.id));
    response.type(PCAPNG).send(Buffer.from(capture));
  });
  app.get(PATHS.status, async (_request, response) => {
    response.json(await back.status());
  });
  app.post(PATHS.ctl, express.json({ limit: MAX_REQUEST_BYTES }), async (request, response) => {
    const parsed = ctlRequestSchema.safeParse(request.body);
    if (!parsed.success) throw badRequest('the request', parsed.error);
    await streamCtl(back, parsed.data, response);
  });
  workloadRoutes(app, back, write);
  placementRoutes(app, back);
}

function machineIdIn(text: string): MachineId {
  const id = parseMachineId(text);
  if (id) return id;
  throw new PxenError('BAD_REQUEST', `${text} is no machine id, expected 8 lower-case hex digits`);
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

/**
 * Whatever nothing answered, and whatever threw: one error body, never a stack trace. Who is not trusted learns nothing
 * of this host's files and faults.
 */
function ended(app: Express, log: Log): Express {
  app.use((request, _response, next) => {
    next(new PxenError('NOT_FOUND', `${request.method} ${request.path}: no such path`));
  });
  const onError: ErrorRequestHandler = (thrown, request, response, _next) => {
    const error = isBodyError(thrown)
      ? new PxenError('BAD_REQUEST', bodyProblem(thrown), { cause: thrown })
      : asPxenError(thrown);
    const shown = response.locals['trusted'] === true ? error : forStrangers(error);
    if (shown !== error || error.code === 'INTERNAL')
      log.error('http', `${request.method} ${request.path}: ${error.message}`);
    if (error.code === 'UNAUTHORIZED') response.set('www-authenticate', 'Bearer');
    if (error.code === 'RATE_LIMITED') response.set('retry-after', String(LOCKED_SECONDS));
    if (response.headersSent) response.destroy();
    else response.status(ERROR_KINDS[shown.code].http).type('json').json(errorBody(shown));
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

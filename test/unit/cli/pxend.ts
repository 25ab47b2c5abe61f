import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CtlLine, type CtlRequest, ctlRequestSchema } from '../../../src/api/ctl.ts';
import { errorBody } from '../../../src/api/error.ts';
import { PATHS } from '../../../src/api/paths.ts';
import { PxenError } from '../../../src/base/error.ts';

/** A pxend that knows some nodes and says what it is told to say: real HTTP on a real control socket below a folder of its own. */
export interface FakePxend {
  readonly root: string;
  readonly asked: CtlRequest[];
  stop(): Promise<void>;
}

export interface Play {
  readonly nodes?: readonly object[];
  readonly detail?: object;
  /** What `ctl` answers, piece by piece; a string goes out as it is. */
  readonly lines?: readonly (CtlLine | string)[];
  readonly refuse?: PxenError;
  /** The connection breaks after the lines. */
  readonly breaks?: boolean;
}

export async function fakePxend(play: Play): Promise<FakePxend> {
  const root = await mkdtemp(join(tmpdir(), 'pxen-cli-'));
  const asked: CtlRequest[] = [];
  await mkdir(join(root, 'run/pxen'), { recursive: true });
  const server = createServer(listener(play, asked)).listen(join(root, 'run/pxen/pxend.sock'));
  await new Promise(resolve => server.once('listening', resolve));
  return {
    root,
    asked,
    async stop() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      await rm(root, { recursive: true });
    },
  };
}

function listener(play: Play, asked: CtlRequest[]): RequestListener {
  return async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const json = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === PATHS.nodes) return json(200, { nodes: play.nodes ?? [] });
    if (request.url !== PATHS.ctl) {
      return play.detail
        ? json(200, play.detail)
        : json(404, errorBody(new PxenError('NOT_FOUND', 'no such path')));
    }
    asked.push(ctlRequestSchema.parse(JSON.parse(Buffer.concat(parts).toString())));
    if (play.refuse) return json(502, errorBody(play.refuse));
    for (const line of play.lines ?? []) {
      response.write(typeof line === 'string' ? line : `${JSON.stringify(line)}\n`);
      await new Promise(resolve => setTimeout(resolve, 2));
    }
    if (play.breaks) response.destroy();
    else response.end();
  };
}

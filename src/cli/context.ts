import { readFileSync, statSync } from 'node:fs';
import type * as z from 'zod';
import { errorFromBody } from '../api/error.ts';
import { quote } from '../base/diagnostic.ts';
import { messageOf, PxenError } from '../base/error.ts';
import { placesUnder } from '../domain/config/places.ts';
import { type ControlAnswer, ControlClient, type RemoteServer } from '../io/control.ts';
import type { Terminal } from './output/terminal.ts';

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  /** Folder that the whole appliance hangs under, `/` unless --root says otherwise. */
  readonly root: string;
  /** Another machine's pxend, where --server names one. */
  readonly server?: ServerOptions | undefined;
  readonly json: boolean;
  readonly now: () => number;
}

/** Where to ask instead of the control socket, as given on the command line or in the environment. */
export interface ServerOptions {
  /** `http://host0`. */
  readonly url: string;
  readonly tokenFile: string | undefined;
}

/** The pxend that a command talks to: that of --server, else this computer's own. */
export function control(context: Context): ControlClient {
  if (context.server) return new ControlClient(remoteServer(context.server));
  return new ControlClient(placesUnder(context.root).controlSocket);
}

/** The root of this computer's own appliance, for commands that work on its files. Throws USAGE with --server. */
export function localRoot(context: Context): string {
  if (!context.server) return context.root;
  throw new PxenError(
    'USAGE',
    `this command works on files of host0, not through --server ${context.server.url}`,
    {
      details: ['run it on host0, for example: ssh host0 mesh ...'],
    },
  );
}

function remoteServer({ url, tokenFile }: ServerOptions): RemoteServer {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' || parsed.pathname !== '/')
    throw new PxenError('USAGE', `--server: got ${quote(url)}, expected a URL such as http://10.77.0.1`);
  if (tokenFile === undefined)
    throw new PxenError('USAGE', '--server needs the API token: --token-file or PXEN_TOKEN_FILE', {
      details: ['on host0: mesh system token > token; chmod 600 token; and copy it here'],
    });
  return { url: parsed, token: readToken(tokenFile) };
}

/** A token that others may read opens all nodes to them. */
function readToken(file: string): string {
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0) throw new Error('others may read it; chmod 600 it');
    const [token = ''] = readFileSync(file, 'utf8').trim().split(/\s+/);
    if (!/^[\w.~+/-]{16,256}=*$/.test(token)) throw new Error('it holds no token');
    return token;
  } catch (error) {
    throw new PxenError('FILE_MISSING', `API token in ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The body of a good answer in the form of its schema, or the error that pxend sent. */
export function unwrap<T>(answer: ControlAnswer, schema: z.ZodType<T>): T {
  if (answer.status >= 300) throw errorOf(answer);
  return understood(answer.body, schema);
}

/** What pxend sent, in the form of its schema. */
export function understood<T>(value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PxenError(
    'INTERNAL',
    'pxend answered in an unknown form; are mesh and pxend of the same version?',
    { cause: parsed.error },
  );
}

export function errorOf(answer: ControlAnswer): PxenError {
  return (
    errorFromBody(answer.body) ??
    new PxenError('INTERNAL', `pxend answered with HTTP status ${answer.status}`)
  );
}

import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import {
  AGENT_PATHS,
  type AgentAnswer,
  type AgentLine,
  type AgentRun,
  type AgentStep,
  agentConsolePath,
  agentGuestPath,
  agentLineSchema,
  agentOutputPath,
  CONSOLE_PROTOCOL,
  type OutputWanted,
} from '../../api/agent.ts';
import { errorFromBody } from '../../api/error.ts';
import { type GuestAnswer, type GuestRequest, guestAnswerSchema, MOST_GUEST_BYTES } from '../../api/guest.ts';
import { asPxenError, messageOf, PxenError } from '../../base/error.ts';
import type { Clock } from '../../base/ports.ts';
import { reachable } from '../../domain/node/remote.ts';
import { called, type Host } from '../../domain/workload/host.ts';
import type { Agents } from './agents.ts';
import { Silence } from './silence.ts';

/** How the agent of a node is reached. */
export interface AgentLinks {
  /** A byte stream to the agent's socket. Rejects with what is wrong with the node, its key or its agent. */
  open(to: AgentAddress, signal: AbortSignal): Promise<Duplex>;
  /** Cuts all of them. */
  close(): void;
}

export interface AgentAddress {
  /** For people. */
  readonly node: string;
  readonly address: string;
  readonly hostKey: string;
  readonly bootId: string | undefined;
}

/** Beyond the time that a guest has to shut down, an agent that works says something this often. Milliseconds. */
const SILENCE = 300_000;
/** Longest line of an answer, and longest error body: a status with every volume and NIC has less. Characters. */
const MOST = 1024 * 1024;
/** Longest answer of a guest agent: both outputs of a command as base64, and what else it has. */
const MOST_OF_GUEST = 3 * MOST_GUEST_BYTES;

/** Talks with agents: HTTP/1.1 over the links. */
export class AgentClient implements Agents {
  readonly #links: AgentLinks;
  readonly #clock: Clock;

  constructor(ports: { links: AgentLinks; clock: Clock }) {
    this.#links = ports.links;
    this.#clock = ports.clock;
  }

  /** Rejects when nobody knows what became of it: the node or its agent went away, or `signal` was aborted. */
  async run(
    host: Host,
    run: AgentRun,
    onStep: (step: AgentStep) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    let link: Duplex;
    try {
      link = await this.#link(host, signal);
    } catch (error) {
      return { unsent: asPxenError(error) };
    }
    const quiet = this.#limit(host, run.timeoutSeconds * 1000 + SILENCE, signal);
    try {
      const response = await asked(
        link,
        { method: 'POST', path: AGENT_PATHS.run, signal: quiet.signal },
        run,
      );
      if (response.statusCode !== 200) return { refused: await refusalIn(response, host) };
      return await lastLine(response, host, async step => {
        quiet.over();
        await onStep(step);
        quiet.begin();
      });
    } catch (error) {
      throw quiet.signal.aborted ? quiet.reason() : broken(host, error);
    } finally {
      quiet.over();
      // Whatever it still says, nobody listens.
      link.destroy();
    }
  }

  /** Text as it comes. Rejects with what the agent refuses. */
  async output(
    host: Host,
    uuid: string,
    { of, lines, follow }: OutputWanted,
    signal: AbortSignal,
  ): Promise<Readable> {
    const path = `${agentOutputPath(uuid)}?of=${of}&lines=${lines}&follow=${follow ? 1 : 0}`;
    return this.#get(host, { path, signal }, 200);
  }

  /** The bytes of the serial console, both ways. Rejects with what the agent refuses. */
  async console(host: Host, uuid: string, signal: AbortSignal): Promise<Duplex> {
    const headers = { connection: 'Upgrade', upgrade: CONSOLE_PROTOCOL };
    const response = await this.#get(host, { path: agentConsolePath(uuid), headers, signal }, 101);
    return response.socket;
  }

  /** What the agent in the guest answers. Rejects with what either agent refuses. */
  async guest(host: Host, uuid: string, wanted: GuestRequest, signal: AbortSignal): Promise<GuestAnswer> {
    const link = await this.#link(host, signal);
    const patience = wanted.ask === 'exec' ? wanted.timeoutSeconds * 1000 : 0;
    const quiet = this.#limit(host, patience + SILENCE, signal);
    const options = { method: 'POST', path: agentGuestPath(uuid), signal: quiet.signal };
    try {
      const response = await asked(link, options, wanted);
      if (response.statusCode !== 200) throw await refusalIn(response, host);
      const answer = guestAnswerSchema.safeParse(jsonOf(await textOf(response, MOST_OF_GUEST)));
      if (!answer.success) throw notUnderstood(host, answer.error);
      return answer.data;
    } catch (error) {
      throw quiet.signal.aborted ? quiet.reason() : broken(host, error);
    } finally {
      quiet.over();
      link.destroy();
    }
  }

  close(): void {
    this.#links.close();
  }

  /** An answer of this status; every other one is what the agent refuses, and ends the link. */
  async #get(
    host: Host,
    options: RequestOptions & { signal: AbortSignal },
    status: number,
  ): Promise<IncomingMessage> {
    const link = await this.#link(host, options.signal);
    try {
      const response = await asked(link, { method: 'GET', ...options });
      if (response.statusCode === status) return response;
      throw await refusalIn(response, host);
    } catch (error) {
      link.destroy();
      throw broken(host, error);
    }
  }

  #link(host: Host, signal: AbortSignal): Promise<Duplex> {
    const { address, hostKey } = reachable({ ...host, node: host.id });
    return this.#links.open({ node: called(host), address, hostKey, bootId: host.bootId }, signal);
  }

  /** Aborted with `signal`, or when nothing was heard for so many milliseconds. */
  #limit(host: Host, milliseconds: number, signal: AbortSignal): Silence {
    const text = `the agent of ${called(host)} said nothing for ${Math.round(milliseconds / 1000)} s`;
    return new Silence(this.#clock, milliseconds, text, signal);
  }
}

function broken(host: Host, error: unknown): PxenError {
  if (error instanceof PxenError) return error;
  return new PxenError(
    'AGENT_DOWN',
    `the agent of ${called(host)} ended before its answer was complete: ${messageOf(error)}`,
    { cause: error, details: [`is it still there? see: mesh node info ${host.id}`] },
  );
}

/** The head of the answer; where that is 101, its socket is the caller's. */
function asked(link: Duplex, options: RequestOptions, content?: unknown): Promise<IncomingMessage> {
  const body = content === undefined ? undefined : JSON.stringify(content);
  const about =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const headers = { host: 'agent', ...options.headers, ...about };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, headers, createConnection: () => link });
    outgoing.once('response', resolve);
    outgoing.once('upgrade', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(response);
    });
    // What breaks after the answer has begun reaches whoever reads it.
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Hands every line but the last one on, each when the one before was taken. */
async function lastLine(
  response: IncomingMessage,
  host: Host,
  onStep: (step: AgentStep) => Promise<void>,
): Promise<AgentAnswer> {
  for await (const text of linesOf(response)) {
    const line = parsedLine(text, host);
    if ('done' in line) return { done: line.done };
    if ('error' in line) return { refused: asError(line.error) };
    await onStep(line);
  }
  throw new Error('its last line is missing');
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST) throw new Error('a line of it is too long');
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function parsedLine(text: string, host: Host): AgentLine {
  const line = agentLineSchema.safeParse(jsonOf(text));
  if (line.success) return line.data;
  throw notUnderstood(host, line.error);
}

async function refusalIn(response: IncomingMessage, host: Host): Promise<PxenError> {
  const refusal = errorFromBody(jsonOf(await textOf(response, MOST)));
  return refusal ? bounded(refusal) : notUnderstood(host, `status ${response.statusCode}`);
}

/** The beginning, where it is longer. */
async function textOf(response: IncomingMessage, most: number): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response as AsyncIterable<string>) {
    text += piece;
    if (text.length > most) break;
  }
  return text;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asError({ code, message, details }: Extract<AgentLine, { error: unknown }>['error']): PxenError {
  return bounded(new PxenError(code, message, { details }));
}

/** What is kept and shown of a sentence of an agent, and of how many; a whole file of problems is less. */
const MOST_OF_SENTENCE = 1000;
const MOST_SENTENCES = 2100;

/** It is remembered with the workload, and stands in every list from then on. */
function bounded({ code, message, details }: PxenError): PxenError {
  return new PxenError(code, message.slice(0, MOST_OF_SENTENCE), {
    details: details.slice(0, MOST_SENTENCES).map(line => line.slice(0, MOST_OF_SENTENCE)),
  });
}

function notUnderstood(host: Host, cause: unknown): PxenError {
  return new PxenError('INTERNAL', `the agent of ${called(host)} answered in an unknown form`, {
    cause,
    details: ['its overlay may be of another version of pxen: mesh system configure, then reboot the node'],
  });
}

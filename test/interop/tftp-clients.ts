import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { decodeTftp, encodeTftp, type TftpPacket } from '../../src/wire/tftp/packet.ts';

const HOST = '127.0.0.1';
const run = promisify(execFile);

/** Fetches a file to `local` from this port of the loopback; rejects when the client fails. */
export type Fetch = (name: string, local: string, port: number) => Promise<unknown>;

export function atftp(...options: string[]): Fetch {
  const asked = options.flatMap(option => ['--option', option]);
  return (name, local, at) => run('atftp', ['--get', ...asked, '-r', name, '-l', local, HOST, String(at)]);
}

export function curl(blksize: number): Fetch {
  return (name, local, at) =>
    run('curl', ['-sS', '--tftp-blksize', String(blksize), '-o', local, `tftp://${HOST}:${at}/${name}`]);
}

export function busybox(blksize: number): Fetch {
  return (name, local, at) =>
    run('busybox', ['tftp', '-g', '-r', name, '-l', local, '-b', String(blksize), HOST, String(at)]);
}

/** tftp-hpa: its exit status is 0 whatever happens. It knows no options, and asks in the mode given. */
export function hpa(mode: 'binary' | 'ascii'): Fetch {
  return (name, local, at) => run('tftp', ['-m', mode, HOST, String(at), '-c', 'get', name, local]);
}

interface NodeTftp {
  createClient(options: object): {
    get(remote: string, local: string, done: (error: Error | null) => void): void;
  };
}

export function nodeTftp(blockSize: number, windowSize: number): Fetch {
  const tftp = createRequire(import.meta.url)('tftp') as NodeTftp;
  return (name, local, at) =>
    new Promise<void>((resolve, reject) => {
      const client = tftp.createClient({ host: HOST, port: at, blockSize, windowSize });
      client.get(name, local, error => (error ? reject(error) : resolve()));
    });
}

/** How a client of ours behaves; the models of test/unit/wire/tftp/recovery.test.ts over a real socket. */
export interface ClientModel {
  readonly windowsize: number;
  /** Acknowledges again what it did not expect: once for each gap, or always (EDK2, and iPXE in lockstep). */
  readonly complains: 'once' | 'always';
  /** Silence after which it sends its last packet again, milliseconds. iPXE: a quarter of a second. */
  readonly timeout: number;
  /** So many time-outs in a row and it gives up. */
  readonly attempts: number;
}

export const STRICT: ClientModel = { windowsize: 1, complains: 'once', timeout: 500, attempts: 10 };
export const IPXE: ClientModel = { windowsize: 1, complains: 'always', timeout: 250, attempts: 20 };
export const EDK2: ClientModel = { windowsize: 4, complains: 'always', timeout: 1000, attempts: 6 };
export const WIDE: ClientModel = { windowsize: 16, complains: 'once', timeout: 500, attempts: 10 };

export function model(client: ClientModel): Fetch {
  return async (name, local, at) => writeFileSync(local, await new ModelDownload(client, name, at).whole);
}

const BLKSIZE = 1428;

/** Strict about transfer identifiers: the first answer decides which port it listens to. */
class ModelDownload {
  readonly whole: Promise<Uint8Array>;
  readonly #model: ClientModel;
  readonly #socket = createSocket('udp4');
  readonly #payloads: Uint8Array[] = [];
  readonly #end = Promise.withResolvers<Uint8Array>();
  #last: { bytes: Uint8Array; port: number };
  #serverPort: number | undefined;
  #windowsize = 1;
  #blksize = 512;
  #inWindow = 0;
  #complained = false;
  #silences = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: ClientModel, filename: string, port: number) {
    this.#model = client;
    const options = new Map([
      ['blksize', String(BLKSIZE)],
      ['tsize', '0'],
      ['windowsize', String(client.windowsize)],
    ]);
    this.#last = { bytes: encodeTftp({ kind: 'rrq', filename, mode: 'octet', options }), port };
    this.#socket.on('message', (bytes, from) => this.#onMessage(bytes, from.port));
    this.whole = this.#end.promise.finally(() => {
      clearTimeout(this.#timer);
      this.#socket.close();
    });
    this.#send();
  }

  #send(): void {
    this.#socket.send(this.#last.bytes, this.#last.port, HOST);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onSilence(), this.#model.timeout);
  }

  #onSilence(): void {
    this.#inWindow = 0;
    if (++this.#silences > this.#model.attempts)
      this.#end.reject(new Error(`no answer after block ${this.#payloads.length}`));
    else this.#send();
  }

  #onMessage(bytes: Uint8Array, port: number): void {
    const packet = decodeTftp(bytes);
    const isFirst = this.#serverPort === undefined;
    if (!packet || (!isFirst && port !== this.#serverPort)) return;
    this.#serverPort = port;
    this.#silences = 0;
    this.#take(packet, isFirst);
  }

  #take(packet: TftpPacket, isFirst: boolean): void {
    if (packet.kind === 'error') this.#end.reject(new Error(`error ${packet.code} ${packet.text}`));
    if (packet.kind === 'oack' && isFirst) {
      this.#blksize = Number(packet.options.get('blksize') ?? 512);
      this.#windowsize = Number(packet.options.get('windowsize') ?? 1);
    }
    if (packet.kind === 'oack' && this.#payloads.length === 0) this.#acknowledge();
    if (packet.kind === 'data') this.#takeBlock(packet.block, packet.payload);
  }

  #takeBlock(block: number, payload: Uint8Array): void {
    if (block !== ((this.#payloads.length + 1) & 0xffff)) {
      const repeated = this.#windowsize === 1 && block === (this.#payloads.length & 0xffff);
      if (this.#model.complains === 'always' || repeated || !this.#complained) this.#acknowledge();
      this.#complained = true;
      return;
    }
    this.#payloads.push(payload.slice());
    this.#complained = false;
    const isLast = payload.length < this.#blksize;
    if (++this.#inWindow >= this.#windowsize || isLast) this.#acknowledge();
    if (isLast) this.#end.resolve(Buffer.concat(this.#payloads));
  }

  #acknowledge(): void {
    this.#inWindow = 0;
    const bytes = encodeTftp({ kind: 'ack', block: this.#payloads.length & 0xffff });
    this.#last = { bytes, port: this.#serverPort ?? this.#last.port };
    this.#send();
  }
}

import { createServer, type Server, type Socket } from 'node:net';

export interface GuestHeard {
  readonly execute: string;
  readonly arguments?: Record<string, unknown>;
  readonly id?: number;
}

/** What a guest answers: a value, a refusal, bytes as they are, or nothing. */
export type GuestReply =
  | { readonly return: unknown }
  | { readonly error: { class: string; desc: string } }
  | Uint8Array
  | undefined;

const DELIMITER = Buffer.from([0xff]);

/** The socket of QEMU with a guest behind it: the agent in it synchronizes, and answers as the test says. */
export class FakeGuest {
  /** All commands but those that synchronize. */
  readonly heard: GuestHeard[] = [];
  /** Connections that there were. */
  connections = 0;
  /** No agent runs: what comes is not read. */
  isThere = true;
  /** Like agents before QEMU 4.0. */
  tellsIds = true;
  reply: (command: GuestHeard) => GuestReply = () => ({ return: {} });
  readonly #server: Server;
  #socket: Socket | undefined;

  constructor(path: string) {
    this.#server = createServer(socket => {
      this.connections += 1;
      this.#socket = socket;
      let rest = '';
      socket.on('error', () => {});
      socket.setEncoding('latin1').on('data', (text: unknown) => {
        if (!this.isThere) return;
        const lines = (rest + String(text)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#take(socket, line);
      });
    }).listen(path);
  }

  /** As it is, to whoever is connected. */
  say(bytes: Uint8Array | string): void {
    this.#socket?.write(bytes);
  }

  hangUp(): void {
    this.#socket?.destroy();
  }

  /** Whether somebody is connected. */
  get isConnected(): boolean {
    return this.#socket !== undefined && !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /** Bytes that it has said and that nobody took yet. */
  get unread(): number {
    return this.#socket?.writableLength ?? 0;
  }

  async close(): Promise<void> {
    this.hangUp();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #take(socket: Socket, line: string): void {
    // As the real one does where a delimiter stands before a command.
    if (line.startsWith('\u00ff'))
      socket.write('{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n');
    const text = Buffer.from(line.replaceAll('\u00ff', ''), 'latin1').toString('utf8');
    const command = JSON.parse(text) as GuestHeard;
    const id = this.tellsIds ? { id: command.id } : {};
    if (command.execute === 'guest-sync-delimited') {
      const answer = `${JSON.stringify({ return: command.arguments?.['id'], ...id })}\n`;
      socket.write(Buffer.concat([DELIMITER, Buffer.from(answer)]));
      return;
    }
    this.heard.push(command);
    const reply = this.reply(command);
    if (reply instanceof Uint8Array) socket.write(reply);
    else if (reply) socket.write(`${JSON.stringify({ ...reply, ...id })}\n`);
  }
}

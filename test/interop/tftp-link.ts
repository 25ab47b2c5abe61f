import { createSocket, type Socket } from 'node:dgram';

const HOST = '127.0.0.1';
/** Packets that are held back arrive so much later, milliseconds: dozens of others overtake them. */
const HELD_BACK = 4;

/** A link between clients and a TFTP server that loses packets and changes their order, both ways. */
export interface BadLink {
  /** Chance of each packet to get lost; 0 to 1. */
  readonly loss: number;
  /** Chance of each packet to be overtaken; 0 to 1. */
  readonly reorder: number;
}

interface Way {
  /** The client's face towards the server, and the server's towards the client. */
  readonly up: Socket;
  readonly down: Socket;
  serverPort: number;
}

/** Forwards UDP and spoils it. Every client gets a port of its own on both sides, as behind an address translator. */
export class Relay {
  readonly #link: BadLink;
  readonly #server: number;
  readonly #sockets = new Set<Socket>();
  readonly #ways = new Map<number, Promise<Way>>();
  #random: number;

  constructor(server: number, link: BadLink, seed = 20_260_101) {
    this.#server = server;
    this.#link = link;
    this.#random = seed;
  }

  /** The port to ask at. */
  async start(): Promise<number> {
    const entrance = await this.#open();
    entrance.on('message', async (bytes, from) => {
      const way = await this.#wayOf(from.port);
      this.#pass(() => way.up.send(bytes, this.#server, HOST));
    });
    return entrance.address().port;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }

  #wayOf(client: number): Promise<Way> {
    const way = this.#ways.get(client) ?? this.#makeWay(client);
    this.#ways.set(client, way);
    return way;
  }

  async #makeWay(client: number): Promise<Way> {
    const way = { up: await this.#open(), down: await this.#open(), serverPort: this.#server };
    way.up.on('message', (bytes, from) => {
      way.serverPort = from.port;
      this.#pass(() => way.down.send(bytes, client, HOST));
    });
    way.down.on('message', bytes => this.#pass(() => way.up.send(bytes, way.serverPort, HOST)));
    return way;
  }

  #pass(send: () => void): void {
    if (this.#chance() < this.#link.loss) return;
    const late = this.#chance() < this.#link.reorder;
    const deliver = (): void => {
      if (this.#sockets.size > 0) send();
    };
    if (late) setTimeout(deliver, HELD_BACK);
    else deliver();
  }

  async #open(): Promise<Socket> {
    const socket = createSocket('udp4');
    this.#sockets.add(socket);
    socket.on('error', () => {});
    await new Promise<void>(resolve => socket.bind(0, HOST, resolve));
    return socket;
  }

  /** Park and Miller, so that each run loses the same packets as far as the clients do the same. */
  #chance(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { UdpPeer } from '../../base/ports.ts';

/** A request that is over, without the bodies. */
export interface Observed {
  /** Microseconds since the epoch: when the request had been read. */
  readonly at: number;
  /** Without the query. */
  readonly path: string;
  readonly local: UdpPeer;
  readonly remote: UdpPeer;
  /** Heads with their empty lines, as they came and went. */
  readonly request: string;
  readonly response: string;
  readonly bodyBytes: number;
  readonly complete: boolean;
}

/** Calls back once the answer is out or the connection is gone. */
export function observe(
  request: IncomingMessage,
  response: ServerResponse,
  at: number,
  onEnd: (observed: Observed) => void,
): void {
  const { socket } = request;
  const remote = { address: (socket.remoteAddress ?? '0.0.0.0') as Ipv4, port: socket.remotePort ?? 0 };
  const local = { address: (socket.localAddress ?? '0.0.0.0') as Ipv4, port: socket.localPort ?? 0 };
  const before = socket.bytesWritten;
  response.once('close', () => {
    const head = headOf(response);
    onEnd({
      at,
      path: request.url?.split('?', 1)[0] ?? '',
      local,
      remote,
      request: requestHead(request),
      response: head,
      bodyBytes: Math.max(0, socket.bytesWritten - before - head.length),
      complete: response.writableFinished,
    });
  });
}

function requestHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** `_header` is the text that went out; no public name gives the headers that writeHead() alone was told. */
function headOf(response: ServerResponse & { readonly _header?: unknown }): string {
  const { _header: head, headersSent, statusCode, statusMessage } = response;
  if (!headersSent) return '';
  return typeof head === 'string' ? head : `HTTP/1.1 ${statusCode} ${statusMessage}\r\n\r\n`;
}

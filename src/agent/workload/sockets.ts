import { ESTABLISHED, listening, type TcpSocket, tcpSockets } from '../../domain/node/tcp-table.ts';
import type { Tree } from '../tree.ts';

/** TCP ports that something on the node listens on, ascending. */
export function listeningPorts(tree: Tree): number[] {
  return listening(socketsOf(tree));
}

/** Whether somebody is connected to this port of the node, or waits there to be let in. */
export function hasTcpClient(tree: Tree, port: number): boolean {
  return socketsOf(tree).some(socket => socket.port === port && socket.state === ESTABLISHED);
}

/** Whether somebody is connected to the unix socket of this path: the accepted end bears its name. */
export function hasUnixClient(tree: Tree, path: string): boolean {
  return (tree.text('/proc/net/unix') ?? '').split('\n').some(line => {
    const [, state, name] = /^[0-9a-f]+: \S+ \S+ \S+ \S+ (\S+) +\d+ (.*)$/i.exec(line) ?? [];
    // SS_CONNECTED of include/uapi/linux/net.h
    return state === '03' && name === path;
  });
}

/** Every TCP socket, IPv4 and IPv6. */
function socketsOf(tree: Tree): TcpSocket[] {
  return ['tcp', 'tcp6'].flatMap(table => tcpSockets(tree.text(`/proc/net/${table}`) ?? ''));
}

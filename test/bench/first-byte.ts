/**
 * `first-byte.ts ADDRESS PORT`: from SIGUSR1 on it tries to connect, and prints the time when the first byte came,
 * milliseconds since the epoch. 100 tries a second: each costs an emulated node time.
 */
import { connect } from 'node:net';

const [address = '', port = ''] = process.argv.slice(2);
const idle = setInterval(() => {}, 60_000);
process.once('SIGUSR1', attempt);
console.log('ready');

function attempt(): void {
  clearInterval(idle);
  const socket = connect(Number(port), address);
  socket.on('error', () => setTimeout(attempt, 10));
  socket.once('data', () => {
    console.log(`first byte at ${performance.timeOrigin + performance.now()}`);
    socket.destroy();
  });
}

/** Preloaded: any attempt to reach a network is written to the file of TARA_NETWORK_LOG, and fails. */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { syncBuiltinESMExports } from 'node:module';

const log = process.env.TARA_NETWORK_LOG;
const refuse = (what) => function () {
  appendFileSync(log, `${what}\n`);
  throw new Error(`no network: ${what}`);
};
net.Socket.prototype.connect = refuse('net.connect');
net.Server.prototype.listen = refuse('net.listen');
dgram.createSocket = refuse('dgram.createSocket');
for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
  dns[name] = refuse(`dns.${name}`);
  dns.promises[name] = refuse(`dns.promises.${name}`);
}
globalThis.fetch = refuse('fetch');
syncBuiltinESMExports();

/** Sockets of this process that the system knows as TCP or UDP: native code opens them past Node. */
function openSockets() {
  const inodes = new Set(['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) => readFileSync(`/proc/self/net/${kind}`, 'utf8').split('\n').slice(1).map((line) => line.trim().split(/\s+/)[9])));
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? [];
      return inode !== undefined && inodes.has(inode) ? [inode] : [];
    } catch {
      return [];
    }
  });
}
process.on('exit', () => {
  if (process.platform === 'linux') for (const inode of openSockets()) appendFileSync(log, `socket ${inode}\n`);
  appendFileSync(log, `ended ${process.argv[2]}\n`);
});

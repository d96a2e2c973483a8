'use strict';
// The shop's services call one another by name, as they would in a cluster.
// SHOP_HOSTS says where on this machine each name lives: orders=127.0.0.1:2345,...
const http = require('http');
const net = require('net');

const addresses = new Map((process.env.SHOP_HOSTS || '').split(',').filter(Boolean).map((pair) => pair.split('=')));

class Agent extends http.Agent {
  createConnection(options, callback) {
    const address = addresses.get(options.host);
    if (!address) throw new Error(`no address for ${options.host} in SHOP_HOSTS`);
    const [host, port] = address.split(':');
    return net.createConnection({ ...options, host, port: Number(port) }, callback);
  }
}

exports.agent = new Agent({ keepAlive: true });

'use strict';
// The catalog: a plain HTTP server that knows nothing of tracing. The runner
// starts it with OpenTelemetry's zero-code instrumentation:
//   node --require ./catalog/propagator.js \
//        --require @opentelemetry/auto-instrumentations-node/register catalog/catalog.js
const http = require('http');
const { DynamoDBClient, GetItemCommand, ScanCommand } = require('@aws-sdk/client-dynamodb');
const { agent } = require('../hosts');

const table = new DynamoDBClient({
  endpoint: 'http://dynamodb.example',
  requestHandler: { httpAgent: agent },
  region: 'us-east-1',
  credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
});

const plain = (item) => ({ id: item.id.S, name: item.name.S });

// answer returns the status and body for a request.
async function answer(method, url) {
  const [, first, id] = url.pathname.split('/');
  if (method !== 'GET') return [405, { error: 'only GET' }];
  if (first === 'products' && !id) {
    const { Items } = await table.send(new ScanCommand({ TableName: 'products' }));
    return [200, Items.map(plain)];
  }
  if (first === 'products') {
    const { Item } = await table.send(new GetItemCommand({ TableName: 'products', Key: { id: { S: id } } }));
    return Item ? [200, plain(Item)] : [404, { error: `no product ${id}` }];
  }
  if (first === 'search') {
    const { Items } = await table.send(new ScanCommand({
      TableName: 'products',
      FilterExpression: 'contains(#n, :q)',
      ExpressionAttributeNames: { '#n': 'name' },
      ExpressionAttributeValues: { ':q': { S: url.searchParams.get('q') || '' } },
    }));
    return [200, Items.map(plain)];
  }
  return [404, { error: 'no such page' }];
}

const server = http.createServer((req, res) => {
  answer(req.method, new URL(req.url, 'http://catalog')).catch((error) => [500, { error: error.message }])
    .then(([status, body]) => {
      res.writeHead(status, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify(body));
    });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
process.on('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});

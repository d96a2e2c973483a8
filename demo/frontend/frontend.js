'use strict';
// The shop's front: Express with the AWS X-Ray SDK for Node.
const http = require('http');
const AWSXRay = require('aws-xray-sdk-core');
const xrayExpress = require('aws-xray-sdk-express');
const express = require('express');
const { DynamoDBClient, PutItemCommand } = require('@aws-sdk/client-dynamodb');
const { agent } = require('../hosts');

// The demo records every request. In production leave this out, and the SDK
// asks the collector for X-Ray's sampling rules.
AWSXRay.middleware.disableCentralizedSampling();
AWSXRay.middleware.setSamplingRules({ version: 2, default: { fixed_target: 1, rate: 1 }, rules: [] });

// Each outgoing HTTP request and each AWS call becomes a subsegment.
AWSXRay.captureHTTPsGlobal(http, true);
const table = AWSXRay.captureAWSv3Client(new DynamoDBClient({
  endpoint: 'http://dynamodb.example',
  requestHandler: { httpAgent: agent },
  region: 'us-east-1',
  credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
}));

// call sends a request to another service of the shop and gives its reply.
function call(method, host, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'Content-Type': 'application/json' } : {};
    const request = http.request({ method, host, path, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

// relay answers a request with another service's reply to the same path.
function relay(host) {
  return async (req, res, next) => {
    try {
      const body = req.body && Object.keys(req.body).length ? JSON.stringify(req.body) : undefined;
      const reply = await call(req.method, host, req.originalUrl, body);
      res.status(reply.status).type('json').send(reply.text);
    } catch (error) {
      next(error);
    }
  };
}

const app = express();
app.use(xrayExpress.openSegment('frontend'));
app.use(express.json({ limit: '16kb' }));
app.use((req, res, next) => {
  const customer = req.get('X-Customer');
  if (customer) AWSXRay.getSegment().setUser?.(customer);
  next();
});
app.get('/products', relay('catalog'));
app.get('/products/:id', relay('catalog'));
app.get('/search', relay('catalog'));
app.all(['/orders', '/orders/:what'], relay('orders'));
app.post('/cart', async (req, res, next) => {
  try {
    const item = String(req.body.item);
    AWSXRay.getSegment().addAnnotation('item', item);
    await table.send(new PutItemCommand({ TableName: 'carts', Item: { id: { S: 'c-1' }, item: { S: item } } }));
    res.status(201).json({ item });
  } catch (error) {
    next(error);
  }
});
app.use(xrayExpress.closeSegment());

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

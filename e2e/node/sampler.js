'use strict';
// A service with the X-Ray SDK for Node that does as it is told, line by line:
//   {"do":"decide","n":20}                  asks the SDK's sampler n times
//   {"do":"request","fault":true,"slow":4}  serves a request that failed, or that began so many seconds ago
// It answers each with a line of JSON. AWS_XRAY_DAEMON_ADDRESS says where it
// asks and sends.
const xray = require('aws-xray-sdk-core');
const sampler = require('aws-xray-sdk-core/dist/lib/middleware/sampling/default_sampler');

const quiet = () => {};
xray.setLogger({ error: console.error, debug: quiet, info: quiet, warn: quiet });

const decide = () => sampler.shouldSample({
  host: 'shop.example.com', httpMethod: 'GET', urlPath: '/cart', serviceName: 'checkout',
});

const commands = {
  decide({ n }) {
    const answer = { sampled: 0, second: Math.floor(Date.now() / 1000) };
    for (let i = 0; i < n; i++) {
      const rule = decide();
      answer.sampled += rule ? 1 : 0;
      if (typeof rule === 'string') answer.rule = rule;
    }
    answer.whole = answer.second === Math.floor(Date.now() / 1000);
    return answer;
  },
  request({ fault, slow }) {
    const rule = decide();
    const segment = new xray.Segment('checkout-node');
    if (typeof rule === 'string') segment.setMatchedSamplingRule(rule);
    segment.notTraced = !rule;
    if (slow) segment.start_time -= slow;
    const call = segment.addNewSubsegment('stock.example.com');
    call.namespace = 'remote';
    if (fault) {
      call.addFaultFlag(); // at the bottom, and the segment hides it
    }
    call.close();
    segment.close();
    return { ids: [segment.id, call.id], start: segment.start_time, rule };
  },
};

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(commands[command.do](command))}\n`);
}).on('close', () => process.exit(0));

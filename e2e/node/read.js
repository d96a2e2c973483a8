'use strict';
// Reads traces back through the AWS SDK for JavaScript.
//   node read.js ENDPOINT FROM TO ID...     FROM and TO in seconds since 1970
// Prints what it found as JSON.
const {
  XRayClient, BatchGetTracesCommand, paginateGetTraceSummaries, paginateGetServiceGraph,
} = require('@aws-sdk/client-xray');

async function main([endpoint, from, to, ...ids]) {
  const client = new XRayClient({
    endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1,
  });
  const range = { StartTime: new Date(from * 1000), EndTime: new Date(to * 1000) };
  const found = { Summaries: [], Traces: [], Services: [] };
  for await (const page of paginateGetTraceSummaries({ client }, range)) {
    found.Summaries.push(...page.TraceSummaries);
  }
  for (let i = 0; i < ids.length; i += 5) {
    const reply = await client.send(new BatchGetTracesCommand({ TraceIds: ids.slice(i, i + 5) }));
    for (const trace of reply.Traces) {
      found.Traces.push({ Id: trace.Id, Documents: trace.Segments.map((segment) => JSON.parse(segment.Document)) });
    }
  }
  for await (const page of paginateGetServiceGraph({ client }, range)) {
    found.Services.push(...page.Services);
  }
  process.stdout.write(JSON.stringify(found));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});

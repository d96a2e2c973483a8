'use strict';
// Runs SQL on files. Reads {"setup": [SQL...], "queries": [SQL...]} from standard
// input and prints, for each query, its rows as objects; 64-bit numbers are texts.
const { DuckDBInstance } = require('@duckdb/node-api');

async function main() {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  const { setup, queries } = JSON.parse(text);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const sql of setup) await connection.run(sql);
  const results = [];
  for (const sql of queries) {
    results.push((await connection.runAndReadAll(sql)).getRowObjectsJson());
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

// Reads a server's /metrics with the package parse-prometheus-text-format. Usage: node metrics.mjs <base URL>; the output is every family as JSON.
import parse from 'parse-prometheus-text-format';

const response = await fetch(new URL('/metrics', process.argv[2]));
if (!response.ok) {
  throw new Error(`/metrics answers ${response.status}`);
}
console.log(JSON.stringify(parse(await response.text())));

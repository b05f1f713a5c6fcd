// Reads a server's /metrics with the package parse-prometheus-text-format.
import parse from 'parse-prometheus-text-format';

/** Every family. */
export async function families(order) {
  const response = await fetch(`${order.server}metrics`);
  if (!response.ok) {
    throw new Error(`/metrics answers ${response.status}`);
  }
  return parse(await response.text());
}

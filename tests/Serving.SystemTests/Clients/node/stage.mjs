// Runs scenarios for a test. An order is a line of input, {"id", "script", "run", ...}: the function "run" of "script".mjs gets it, and a line {"id", "result"}
// or {"id", "failed"} answers it. Lines {"id", "event"} before that tell the test where the scenario stands.
import { createInterface } from 'node:readline';

const tell = message => console.log(JSON.stringify(message));

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const { id } = order;
  try {
    const script = await import(`./${order.script}.mjs`);
    const result = await script[order.run]({ ...order, event: name => tell({ id, event: name }) });
    tell({ id, result });
  } catch (error) {
    tell({ id, failed: `${error.stack}` });
  }
}

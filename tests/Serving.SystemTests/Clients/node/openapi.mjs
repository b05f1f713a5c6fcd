// Holds a server's OpenAPI document against the packages @seriousme/openapi-schema-validator and ajv, and its answers against the document.
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';

const documentOf = async order => (await fetch(`${order.server}openapi/v1.json`)).json();

function compiler(document) {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, validateFormats: false });
  ajv.addVocabulary(['components']);
  ajv.addSchema({ $id: 'document', components: document.components });
  return ajv;
}

/** The document, with objects that hold nothing but the members that it names. */
function closed(schema) {
  if (schema === null || typeof schema !== 'object') {
    return schema;
  }
  const copy = Array.isArray(schema) ? schema.map(closed) : Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  return copy.type === 'object' && copy.properties ? { additionalProperties: false, ...copy } : copy;
}

/** What is wrong with the document itself and with every schema in it. */
export async function faults(order) {
  const document = await documentOf(order);
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  const found = valid ? [] : errors.map(error => `${error.instancePath} ${error.message}`);
  const ajv = compiler(document);
  for (const name of Object.keys(document.components.schemas)) {
    try {
      const check = ajv.compile({ $ref: `document#/components/schemas/${name}` });
      const examples = document.components.schemas[name].examples ?? [];
      found.push(...examples.filter(example => !check(example)).map(example => `${name}: ${JSON.stringify(example)} is not one: ${ajv.errorsText(check.errors)}`));
    } catch (error) {
      found.push(`${name}: ${error.message}`);
    }
  }
  return { version: document.openapi, schemas: Object.keys(document.components.schemas).length, faults: found };
}

/** Sends requests and tells how answers differ from what is documented: members that are missing, of another type, or not documented. */
export async function answers(order) {
  const document = await documentOf(order);
  const ajv = compiler(closed(document));
  const found = [];
  for (const { method, route, path, body, status } of order.requests) {
    const response = await fetch(new URL(path ?? route, order.server), body
      ? { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      : { method });
    const type = response.headers.get('content-type').split(';')[0];
    const where = `${method} ${route} ${response.status} ${type}`;
    const schema = document.paths[route]?.[method.toLowerCase()]?.responses[response.status]?.content?.[type]?.schema;
    const text = await response.text();
    if (response.status !== (status ?? 200) || !schema) {
      found.push(`${where}: ${schema ? 'unexpected status' : 'not documented'}: ${text}`);
      continue;
    }
    const check = ajv.compile(schema.$ref ? { $ref: `document${schema.$ref}` } : schema);
    const parts = type === 'text/event-stream'
      ? text.split('\n').filter(line => line.startsWith('data: ') && line !== 'data: [DONE]').map(line => line.slice(6))
      : [text];
    for (const part of type === 'text/plain' ? [] : parts) {
      if (!check(JSON.parse(part))) {
        found.push(`${where}: ${ajv.errorsText(check.errors)}: ${part}`);
      }
    }
  }
  return found;
}

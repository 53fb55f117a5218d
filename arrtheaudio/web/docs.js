// Shows openapi.json. Text only through textContent; asks no other host for anything.

const DEEPEST = 4; // indentations that the style knows

const base = document.body.dataset.base;

function element(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function nameOf(reference) {
  return reference.split("/").pop();
}

// One line for a schema: its type, its choices, its limits. What has fields is told by its name.
function shortly(schema, components) {
  if (schema.$ref) {
    const named = components[nameOf(schema.$ref)];
    return named.properties ? nameOf(schema.$ref) : shortly(named, components);
  }
  if (schema.anyOf) return schema.anyOf.map((one) => shortly(one, components)).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return `list of ${shortly(schema.items, components)}`;
  const type = [].concat(schema.type ?? "anything").join(" or ");
  const limits = [];
  if (schema.minimum !== undefined) limits.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) limits.push(`to ${schema.maximum}`);
  if (schema.maxLength !== undefined) limits.push(`at most ${schema.maxLength} characters`);
  return [type, ...limits].join(", ");
}

function fields(schema, components, depth = 0, seen = new Set()) {
  const rows = [];
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    if (seen.has(name)) return rows;
    return fields(components[name], components, depth, new Set([...seen, name]));
  }
  if (schema.anyOf) return schema.anyOf.flatMap((one) => fields(one, components, depth, seen));
  if (schema.type === "array") return fields(schema.items, components, depth, seen);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    rows.push({ name, property, depth, required: (schema.required ?? []).includes(name) });
    rows.push(...fields(property, components, depth + 1, seen));
  }
  return rows;
}

function table(rows, components) {
  const body = element("table");
  for (const { name, property, depth, required } of rows) {
    const row = element("tr");
    row.append(element("td", `${name}${required ? "" : "?"}`, depth ? `d${Math.min(depth, DEEPEST)}` : ""));
    const what = element("td", shortly(property, components));
    const notes = [];
    if (property.default !== undefined) notes.push(`default ${JSON.stringify(property.default)}`);
    if (property.description) notes.push(property.description);
    if (notes.length) what.append(element("span", `  ${notes.join("; ")}`, "muted"));
    row.append(what);
    body.append(row);
  }
  return body;
}

function section(title, content) {
  const block = element("div");
  block.append(element("h3", title), content);
  return block;
}

function describe(path, method, operation, components) {
  const details = element("details");
  details.id = operation.operationId;
  const summary = element("summary");
  summary.append(
    element("span", method.toUpperCase(), `method ${method}`),
    element("span", path, "mono"),
    element("span", operation.summary, "what"),
  );
  const body = element("div", "", "body");
  if (operation.parameters.length) {
    const rows = operation.parameters.map((parameter) => ({
      name: parameter.name, property: parameter.schema, depth: 0, required: parameter.required,
    }));
    body.append(section("Parameters", table(rows, components)));
  }
  const request = operation.requestBody?.content["application/json"].schema;
  if (request) body.append(section("Body", table(fields(request, components), components)));
  const problems = [];
  for (const [status, response] of Object.entries(operation.responses)) {
    const title = `${status} ${response.description}`;
    const schema = response.content?.["application/json"]?.schema;
    const rows = schema ? fields(schema, components) : [];
    if (!schema && response.content?.["application/problem+json"]) problems.push(title);
    else body.append(section(title, rows.length ? table(rows, components) : element("span")));
  }
  if (problems.length) body.append(section("Problems (RFC 9457)", element("p", problems.join(" · "), "muted")));
  details.append(summary, body);
  return details;
}

async function show() {
  const main = document.getElementById("operations");
  const answer = await fetch(`${base}/openapi.json`);
  const api = await answer.json();
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("about").textContent = api.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(describe(path, method, operation, api.components.schemas));
    }
  }
  main.replaceChildren();
  for (const [tag, operations] of groups) {
    const group = element("section", "", "group");
    group.id = tag;
    const list = element("div");
    list.append(...operations);
    group.append(element("h2", tag), list);
    main.append(group);
    const link = element("a", tag);
    link.href = `#${tag}`;
    document.getElementById("groups").append(link);
  }
}

show().catch((error) => {
  document.getElementById("operations").textContent = `openapi.json could not be read: ${error}`;
});

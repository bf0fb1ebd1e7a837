#!/usr/bin/env python3
"""Cuts GitHub's OpenAPI description down to the calls that `profgate comment` makes: cut.py FULL VERSION OUT

FULL is generated/api.github.com.json of the npm package @octokit/openapi. What is left is enough to hold requests and
answers to: paths, methods, parameters, bodies, one example of each answer. OpenAPI 3.0 says `nullable` where JSON Schema has
a second type, so that is rewritten; prose goes.
"""

import json
import sys

CALLS = {
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ["patch", "delete"],
    "/repos/{owner}/{repo}/pulls": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["get"],
    "/repos/{owner}/{repo}/commits/{ref}": ["get"],
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": ["get"],
    "/user": ["get"],
}
PROSE = {"description", "summary", "externalDocs", "tags", "operationId", "x-github", "x-multi-segment", "deprecated"}


def main():
    full, version, out = sys.argv[1:]
    with open(full, encoding="utf-8") as file:
        document = json.load(file)
    schemas = {}

    def reach(name):
        if name not in schemas:
            schemas[name] = None
            schemas[name] = schema(document["components"]["schemas"][name])

    def schema(node):
        if isinstance(node, list):
            return [schema(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            reach(name)
            return {"$ref": f"#/schemas/{name}"}
        left = {}
        for key, value in node.items():
            if key == "properties":
                left[key] = {name: schema(one) for name, one in value.items()}
            elif key in PROSE or key in ("example", "examples", "default", "nullable", "readOnly", "title"):
                continue
            elif key in ("enum", "required"):
                left[key] = value
            else:
                left[key] = schema(value)
        if node.get("nullable"):
            return {"anyOf": [left, {"type": "null"}]}
        return left

    def resolved(node):
        while isinstance(node, dict) and "$ref" in node:
            kind, name = node["$ref"].split("/")[2:]
            node = document["components"][kind][name]
        return node

    def parameter(node):
        node = resolved(node)
        return {
            "name": node["name"],
            "in": node["in"],
            "required": node.get("required", False),
            "schema": schema(node["schema"]),
        }

    def answer(node):
        content = resolved(node).get("content", {}).get("application/json")
        if content is None:
            return {}
        left = {"schema": schema(content["schema"])}
        for example in content.get("examples", {}).values():
            left["example"] = resolved(example)["value"]
            break
        return left

    paths = {}
    for path, methods in CALLS.items():
        item = document["paths"][path]
        shared = item.get("parameters", [])
        paths[path] = {}
        for method in methods:
            operation = item[method]
            left = {"parameters": [parameter(one) for one in shared + operation.get("parameters", [])]}
            body = resolved(operation.get("requestBody", {})).get("content", {}).get("application/json")
            if body is not None:
                left["body"] = schema(body["schema"])
            left["answers"] = {status: answer(one) for status, one in operation["responses"].items()}
            paths[path][method] = left

    with open(out, "w", encoding="utf-8") as file:
        source = f"@octokit/openapi {version}, generated/api.github.com.json, MIT licence"
        json.dump({"source": source, "paths": paths, "schemas": schemas}, file, indent=1, sort_keys=True)
        file.write("\n")


main()

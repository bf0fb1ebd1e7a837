#!/usr/bin/env python3
"""A GitHub of one pull request: fake_github.py FOLDER. Writes its port to FOLDER/port and each comment to FOLDER/comment-ID.

Its token is that of an app, which has no user and whose name only GraphQL tells: github-actions[bot], or what FOLDER/viewer
holds. As on the real one, nobody but its author writes over a comment.
It answers what `profgate comment` asks in the life of one comment. The Rust tests have a fuller one, held to GitHub's
own description; this one is for workflows, which run outside of cargo.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

folder = sys.argv[1]
# Author and text of each comment.
comments = {}


def kept(name, otherwise=""):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return otherwise


def viewer():
    return kept("viewer", "github-actions[bot]")


class Handler(BaseHTTPRequestHandler):
    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def shown(self, number):
        author, text = comments[number]
        return {
            "id": number,
            "user": {"login": author, "type": "Bot" if author.endswith("[bot]") else "User"},
            "body": text,
            "html_url": f"https://github.example/pull/7#issuecomment-{number}",
        }

    def keep(self, number, author, text):
        comments[number] = (author, text)
        with open(os.path.join(folder, f"comment-{number}"), "w", encoding="utf-8") as file:
            file.write(text)

    def graphql(self, query):
        if not self.headers.get("Authorization", "").lower().startswith("bearer "):
            self.say(401, {"message": "This endpoint requires you to be authenticated.", "status": "401"})
        elif "".join(str(query).split()) in ("query{viewer{login}}", "{viewer{login}}"):
            self.say(200, {"data": {"viewer": {"login": viewer()}}})
        else:
            # What it cannot read is no error of HTTP there.
            self.say(200, {"errors": [{"message": "Parse error on the query", "locations": [{"line": 1, "column": 1}]}]})

    def do_GET(self):
        pull = {"number": 7, "state": "open", "head": {"sha": kept("head")}}
        path = self.path.split("?")[0]
        if path.endswith("/comments"):
            self.say(200, [self.shown(number) for number in sorted(comments)])
        elif path.endswith("/pulls"):
            self.say(200, [pull])
        elif path.endswith("/pulls/7"):
            self.say(200, pull)
        else:
            self.say(403, {"message": "Resource not accessible by integration", "status": "403"})

    def do_POST(self):
        if self.path == "/graphql":
            return self.graphql(self.body().get("query"))
        number = len(comments) + 1
        self.keep(number, viewer(), self.body()["body"])
        self.say(201, self.shown(number))

    def do_PATCH(self):
        number = int(self.path.rsplit("/", 1)[1])
        author = comments[number][0]
        if author != viewer():
            return self.say(403, {"message": "Resource not accessible by integration", "status": "403"})
        self.keep(number, author, self.body()["body"])
        self.say(200, self.shown(number))

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(folder, "port.new"), "w", encoding="utf-8") as file:
    file.write(str(server.server_port))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()

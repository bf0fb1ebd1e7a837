#!/usr/bin/env python3
"""A GitHub of one pull request: fake_github.py FOLDER. Writes its port to FOLDER/port and each comment to FOLDER/comment-ID.

It answers what `profgate comment` asks in the life of one comment. The Rust tests have a fuller one, held to GitHub's
own description; this one is for workflows, which run outside of cargo.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

folder = sys.argv[1]
comments = {}


class Handler(BaseHTTPRequestHandler):
    def say(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def shown(self, number):
        return {
            "id": number,
            "user": {"login": "github-actions[bot]"},
            "body": comments[number],
            "html_url": f"https://github.example/pull/7#issuecomment-{number}",
        }

    def keep(self, number, text):
        comments[number] = text
        with open(os.path.join(folder, f"comment-{number}"), "w", encoding="utf-8") as file:
            file.write(text)

    def do_GET(self):
        with open(os.path.join(folder, "head"), encoding="utf-8") as file:
            head = file.read().strip()
        pull = {"number": 7, "state": "open", "head": {"sha": head}}
        path = self.path.split("?")[0]
        if path.endswith("/comments"):
            self.say(200, [self.shown(number) for number in sorted(comments)])
        elif path.endswith("/pulls"):
            self.say(200, [pull])
        elif path.endswith("/pulls/7"):
            self.say(200, pull)
        else:
            self.say(403, {"message": "Resource not accessible by integration"})

    def do_POST(self):
        number = len(comments) + 1
        self.keep(number, self.body()["body"])
        self.say(201, self.shown(number))

    def do_PATCH(self):
        number = int(self.path.rsplit("/", 1)[1])
        self.keep(number, self.body()["body"])
        self.say(200, self.shown(number))

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(folder, "port.new"), "w", encoding="utf-8") as file:
    file.write(str(server.server_port))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()

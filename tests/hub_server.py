"""A server on this machine that speaks as much of the Hugging Face Hub's API as pushing and fetching need."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Repositories in memory: {"user/repo": {"file": bytes}}; `commits` are the messages, in order.

    `status`, when set, is what every request is answered with; `gated` are repositories whose licence is not accepted.
    """

    def __init__(self):
        self.repositories, self.commits, self.status, self.requests = {}, [], None, []
        self.gated = set()
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), send=True):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        if send:
            self.wfile.write(body)

    def refused(self):
        self.hub.requests.append(f"{self.command} {self.path}")
        if self.hub.status:
            self.answer(self.hub.status, {"error": "no"})
        return self.hub.status

    def do_HEAD(self):
        self.do_GET(send=False)

    def do_GET(self, send=True):
        if self.refused():
            return
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if found is None:
            self.answer(404, {"error": "no such page"}, send=send)
            return
        repository, revision, file = found.groups()
        if repository not in self.hub.repositories:
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"}, send)
        elif repository in self.hub.gated:
            self.answer(403, b"", {"X-Error-Code": "GatedRepo"}, send)
        elif revision not in ("main", "c" * 40):
            self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"}, send)
        elif file not in self.hub.repositories[repository]:
            self.answer(404, b"", {"X-Error-Code": "EntryNotFound"}, send)
        else:
            body = self.hub.repositories[repository][file]
            tag = hashlib.sha1(body).hexdigest()
            self.answer(200, body, {"ETag": f'"{tag}"', "X-Repo-Commit": "c" * 40}, send)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.refused():
            return
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'someone'}/{asked['name'].rpartition('/')[2]}"
            self.hub.repositories.setdefault(name, {})
            self.answer(200, {"url": f"{self.hub.address}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
            files = json.loads(body)["files"]
            answers = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
            self.answer(200, {"files": answers})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "header":
                    self.hub.commits.append(line["value"]["summary"])
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.hub.repositories[found[1]][line["value"]["path"]] = content
            self.answer(
                200, {"commitUrl": f"{self.hub.address}/{found[1]}/commit/{'c' * 40}", "commitOid": "c" * 40, "success": True}
            )
        else:
            self.answer(404, {"error": f"no such page {self.path}"})

#!/usr/bin/env python3
"""A chat with one customer, for Pigeonpost's provider `custom` (docs/custom-provider.md). Python alone, no packages.

Usage: custom-chat.py PORT SECRET. Let your web server pass an https address on to PORT, and connect that address and SECRET
as a channel. Then type: first the channel's webhook_url, then what the customer writes. Answers of salespeople are printed.
"""
import base64, hashlib, hmac, json, sys, threading, time, urllib.error, urllib.request, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(sys.argv[2].removeprefix("whsec_"))


def sign(msg_id, timestamp, body):
    mac = hmac.new(KEY, f"{msg_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


class Chat(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        msg_id, timestamp, given = (self.headers[f"webhook-{name}"] or "" for name in ("id", "timestamp", "signature"))
        genuine = any(hmac.compare_digest(sign(msg_id, timestamp, body).encode(), one.encode()) for one in given.split())
        if not genuine or abs(time.time() - int(timestamp)) > 300:
            return self.answer(401)
        request = json.loads(body)
        if request["type"] == "message":
            print(f"{request['to']['name']} gets: {request['text']}", *(file["url"] for file in request.get("files", [])))
        self.answer(204 if request["type"] in ("ping", "message") else 400)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def post(url, event):
    body, msg_id, now = json.dumps(event).encode(), f"evt_{uuid.uuid4()}", int(time.time())
    headers = {"content-type": "application/json", "webhook-id": msg_id, "webhook-timestamp": str(now)}
    headers["webhook-signature"] = sign(msg_id, now, body)
    try:
        urllib.request.urlopen(urllib.request.Request(url, body, headers)).close()
    except urllib.error.HTTPError as refused:
        print(f"refused with {refused.code}: {refused.read().decode()}")


sys.stdout.reconfigure(line_buffering=True)
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Chat)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"listening on port {server.server_port}; the channel's webhook_url:")
webhook_url = sys.stdin.readline().strip()
for line in sys.stdin:
    customer = {"id": "visitor-1", "name": "Mary"}
    post(webhook_url, {"type": "message", "id": f"msg-{uuid.uuid4()}", "from": customer, "text": line.strip()})

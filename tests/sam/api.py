"""Calls the functions that `sam local start-api` serves as Pipedrive, a browser and Meta do, against the table of a running `local`.

    api.py API LOCAL AWS

API is where SAM serves, LOCAL where the bundle runs on this machine (its stream delivers what SAM's functions store), AWS the door to
its table and secret.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3

CUSTOMER = "15550107777"
TEXT = "Hello from a container"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def call(method, url, headers=None, body=None):
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body)
    try:
        answer = OPENER.open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read().decode()


def is_(what, found, expected):
    print(f"{what}: {found}", flush=True)
    if found != expected:
        sys.exit(f"{what}: {found!r}, not {expected!r}")


def main(api, local, aws):
    keys = {"region_name": "us-east-1", "endpoint_url": aws, "aws_access_key_id": "local", "aws_secret_access_key": "local"}
    secret = json.loads(boto3.client("secretsmanager", **keys).get_secret_value(SecretId="pigeonpost")["SecretString"])
    basic = base64.b64encode(f"{secret['pipedrive_client_id']}:{secret['pipedrive_client_secret']}".encode()).decode()
    as_pipedrive = {"authorization": f"Basic {basic}"}

    status, _, body = call("GET", f"{api}/manifest.json")
    is_("GET /manifest.json", (status, "getConversations" in body), (200, True))

    items = boto3.client("dynamodb", **keys).scan(TableName="pigeonpost")["Items"]
    account = next(item for item in items if item["PK"]["S"].startswith("ACCT#whatsapp#"))
    number = account["PK"]["S"].split("#")[2]
    channel = next(value["S"] for name, value in account.items() if value.get("S", "").startswith("ch_"))
    conversations = f"{api}/api/channels/{channel}/conversations"
    is_("a manifest call without credentials", call("GET", conversations)[0], 401)
    status, _, body = call("GET", conversations, as_pipedrive)
    before = len(json.loads(body)["data"])
    is_("a manifest call", (status, before > 0), (200, True))

    webhook = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "2000000001", "changes": [{"field": "messages", "value": {
        "messaging_product": "whatsapp", "metadata": {"display_phone_number": "15550100000", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Grace"}, "wa_id": CUSTOMER}],
        "messages": [{"from": CUSTOMER, "id": "wamid.SAM", "timestamp": str(int(time.time())), "type": "text",
                      "text": {"body": TEXT}}]}}]}]}).encode()
    signature = hmac.new(secret["meta_app_secret"].encode(), webhook, hashlib.sha256).hexdigest()
    signed = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    forged = {**signed, "x-hub-signature-256": f"sha256={'0' * 64}"}
    is_("a forged webhook", call("POST", f"{api}/webhooks/whatsapp", forged, webhook)[0], 401)
    is_("a webhook", call("POST", f"{api}/webhooks/whatsapp", signed, webhook)[0], 200)
    is_("the same webhook again", call("POST", f"{api}/webhooks/whatsapp", signed, webhook)[0], 200)
    status, _, body = call("GET", conversations, as_pipedrive)
    texts = [message["message"] for each in json.loads(body)["data"] for message in each["messages"]]
    is_("a manifest call afterwards", (status, texts.count(TEXT)), (200, 1))
    is_("delivered to Pipedrive", awaited(lambda: TEXT in call("GET", f"{local}/sim/pipedrive/inbox.json")[2]), True)

    status, headers, _ = call("GET", f"{api}/oauth/install")
    cookie = (headers["set-cookie"] or "").split(";")[0]
    # Where the browser is sent to is this machine under the name that it has in containers.
    consent = urllib.parse.urlsplit(headers["location"])
    is_("GET /oauth/install", (status, consent.path), (302, "/sim/pipedrive/oauth/authorize"))
    form = {"content-type": "application/x-www-form-urlencoded"}
    status, headers, _ = call("POST", f"{local}{consent.path}?{consent.query}", form, b"decision=allow")
    back = urllib.parse.urlsplit(headers["location"])
    is_("consent at Pipedrive", (status, back.path), (302, "/oauth/callback"))
    status, headers, _ = call("GET", f"{api}/oauth/callback?{back.query}", {"cookie": cookie})
    is_("an OAuth callback", (status, urllib.parse.urlsplit(headers["location"] or "").path), (302, "/setup"))
    # Without the cookie it is not this browser's doing: it starts over, and stores nothing.
    status, headers, _ = call("GET", f"{api}/oauth/callback?{back.query}")
    is_("the same without the cookie", (status, urllib.parse.urlsplit(headers["location"] or "").path == "/setup"), (302, False))


def awaited(reached, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if reached():
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An MSRP endpoint made of a foreign library (python3-msrplib on eventlib, Twisted and gnutls), for foreign.server.test.ts.

Arguments: accept or connect, tls or tcp, the peer's path; with accept it prints its own path first. What it hears it prints as
one JSON object per line. When it is bound it plays a fixed part: a text, a text in three chunks with a success report wanted,
a nickname, and a type that is refused. It ends when the peer says `bye`.
"""
import json
import sys

from twisted.internet import reactor
from eventlib.twistedutil import join_reactor  # Green threads on Twisted's own loop.
from eventlib import api, coros, proc
from msrplib import protocol
from msrplib.connect import DirectAcceptor, DirectConnector
from msrplib.session import MSRPSession, OutgoingChunk
from msrplib.transport import MSRPTransactionError, make_response

how, security, peer = sys.argv[1], sys.argv[2], sys.argv[3].split(" ")


def say(**what):
    print(json.dumps(what), flush=True)


def credentials():
    from gnutls.crypto import X509Certificate, X509PrivateKey
    from gnutls.interfaces.twisted import X509Credentials
    pem = open(sys.argv[4]).read() + open(sys.argv[5]).read()
    certificate = X509Certificate(pem)
    return X509Credentials(certificate, X509PrivateKey(pem), trusted=[certificate])


uri = protocol.URI(host="127.0.0.1", port=0, use_tls=security == "tls", session_id="foreign" + how)
if security == "tls":
    uri.credentials = credentials()
ended = coros.event()
parts = {}


def incoming(chunk=None, error=None):
    if error is not None:
        say(kind="ended", why=str(error.value))
        if not ended.ready():
            ended.send(None)
        return
    if chunk.method == "SEND":
        if chunk.data == b"" or chunk.data == "":
            return
        body = parts.pop(chunk.message_id, b"") + bytes(chunk.data)
        if chunk.contflag == "+":
            parts[chunk.message_id] = body
            return
        say(kind="message", id=chunk.message_id, type=chunk.content_type, size=len(body), text=body[:200].decode("utf8", "replace"))
        if body == b"bye" and not ended.ready():
            ended.send(None)
    elif chunk.method == "REPORT":
        say(kind="report", id=chunk.message_id, code=chunk.headers["Status"].decoded.code)
    elif chunk.method == "NICKNAME":
        say(kind="nickname", nickname=chunk.headers["Use-Nickname"].decoded)
        session.outgoing.send(OutgoingChunk(make_response(chunk, 425, "Nickname reserved")))


session = None


def play():
    global session
    connector = (DirectAcceptor if how == "accept" else DirectConnector)()
    path = connector.prepare(uri)
    say(kind="path", path=[str(one) for one in path])
    transport = connector.complete([protocol.URI.parse(one) for one in peer])
    session = MSRPSession(transport, accept_types=["text/*", "message/cpim"], on_incoming_cb=incoming)
    say(kind="bound")

    session.deliver_message("hello, grüße".encode("utf8"), "text/plain")
    text = b"0123456789" * 300
    for start in (0, 1000, 2000):
        chunk = transport.make_send_request(message_id="inchunks", data=text[start:start + 1000], start=start + 1, end=start + 1000, length=3000)
        chunk.add_header(protocol.ContentTypeHeader("text/plain"))
        chunk.add_header(protocol.SuccessReportHeader("yes"))
        chunk.contflag = "$" if start == 2000 else "+"
        session.deliver_chunk(chunk)
    answer = coros.event()
    chunk = transport.make_request("NICKNAME")
    chunk.add_header(protocol.UseNicknameHeader("Bob ü"))
    session.send_chunk(chunk, answer.send)
    say(kind="nickname-answer", code=answer.wait().code)
    try:
        session.deliver_message(b"x", "image/png")
        say(kind="refusal", code=200)
    except MSRPTransactionError as error:
        say(kind="refusal", code=error.code)
    ended.wait()
    api.sleep(0.2)
    session.shutdown()


def run():
    try:
        play()
    finally:
        reactor.callLater(0, reactor.stop)


reactor.callWhenRunning(proc.spawn, run)
reactor.run()

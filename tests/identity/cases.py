# ruff: noqa: E501
"""Kubeconfigs, environments and flags of which kubectl is asked what it makes: by hand, and by chance.

`$URL`, `$PLAIN`, `$PROXY` and `$DIR` are the servers and the files of `tests.identity.recorder`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from kubectl_rev.cluster.connection import ConnectionFlags

CA = "certificate-authority: $DIR/ca.crt"
CERTIFICATE = "client-certificate: $DIR/client.crt, client-key: $DIR/client.key"
V1 = "apiVersion: client.authentication.k8s.io/v1"
EXEC = f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never}}"


@dataclass
class Case:
    """One call: files by name (`config` is the kubeconfig), flags, and the environment beside HOME and PATH."""

    files: dict[str, str] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def kubeconfig(
    user: str = "token: t", cluster: str = CA, server: str = "$URL", context: str = "", top: str = ""
) -> str:
    """A kubeconfig of one context, cluster and user, all called `it`; arguments are fields in YAML's flow style."""
    address = f'server: "{server}", ' if server else ""
    return (
        f"{top or 'apiVersion: v1' + chr(10) + 'kind: Config'}\ncurrent-context: it\n"
        f"contexts: [{{name: it, context: {{cluster: it, user: it{', ' + context if context else ''}}}}}]\n"
        f"clusters: [{{name: it, cluster: {{{address}{cluster}}}}}]\n"
        f"users: [{{name: it, user: {{{user}}}}}]\n"
    )


def one(text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> Case:
    return Case({"config": text or kubeconfig()}, flags, environment or {})


USERS = [
    "token: t",
    'token: "1"',
    "token: 1",
    "token: yes",
    "token: 2026-01-01",
    "token: 12:30:45",
    "token: 1e3",
    "token: 0x1F",
    "token: .5",
    "token: 1_000",
    "token: ~",
    "token: null, tokenFile: $DIR/token",
    "token: [x]",
    "token: {a: b}",
    'token: ""',
    'token: " t "',
    'token: "t\\n"',
    'token: "a\\tb"',
    'token: "ä€"',
    "Token: t",
    "tokenfile: $DIR/token",
    "token-file: $DIR/token",
    "tokenFile: $DIR/token",
    "tokenFile: token-here",
    "tokenFile: $DIR/missing",
    "tokenFile: $DIR/empty",
    "tokenFile: $DIR/blank",
    "tokenFile: $DIR",
    "tokenFile: $DIR/latin1",
    "token: t, tokenFile: $DIR/token",
    "token: t, tokenFile: $DIR/missing",
    "token: t, tokenFile: $DIR/empty",
    "token: t, tokenFile: $DIR",
    "username: u, password: p",
    "username: u",
    "password: p",
    "username: 1, password: p",
    "username: ü, password: 'p:q'",
    'username: "a:b", password: "p\\n"',
    "username: u, password: p, token: t",
    "username: u, token: t",
    "password: p, token: t",
    "username: u, password: p, tokenFile: $DIR/token",
    CERTIFICATE,
    f"{CERTIFICATE}, token: t",
    f"{CERTIFICATE}, username: u, password: p",
    f"{CERTIFICATE}, {EXEC}",
    f"username: u, password: p, {EXEC}",
    f"username: u, {EXEC}",
    f"password: p, {EXEC}",
    f"token: t, {EXEC}",
    f"tokenFile: $DIR/token, {EXEC}",
    EXEC,
    "client-certificate: $DIR/client.crt",
    "client-key: $DIR/client.key, token: t",
    "client-certificate: $DIR/client.crt, client-key: $DIR/server.key",
    "client-certificate: $DIR/missing, client-key: $DIR/client.key",
    "client-certificate: $DIR/client.crt, client-key: $DIR/missing",
    "client-certificate: $DIR/empty, client-key: $DIR/client.key, token: t",
    "client-certificate: client.crt, client-key: client.key",
    "client-certificate-data: $CRT, client-key-data: $KEY",
    "client-certificate-data: $CRT, client-key: $DIR/client.key",
    "client-certificate: $DIR/client.crt, client-key-data: $KEY",
    f"{CERTIFICATE}, client-certificate-data: $CRT",
    f"{CERTIFICATE}, client-key-data: $KEY",
    "client-certificate-data: '!!', client-key-data: $KEY",
    "client-certificate-data: x, client-key-data: $KEY, token: t",
    "client-certificate-data: 5, token: t",
    "client-certificate: $DIR/client.crt, client-key: $DIR/locked.key",
    "client-certificate: $DIR/chatty.crt, client-key: $DIR/client.key",
    "client-certificate: $DIR/both.pem, client-key: $DIR/both.pem",
    "as: bob, token: t",
    "as: [x], token: t",
    "as: 5, token: t",
    "as: yes, token: t",
    "as: null, token: t",
    "as: jürgen, token: t",
    "as: 日本, token: t",
    'as: "a\\nb", token: t',
    'as: "a\\tb", token: t',
    'as: " a ", token: t',
    'as: "a\\x7fb", token: t',
    'as: "a\\xa0b", token: t',
    "as: bob, as-groups: [a, b], as-uid: u, token: t",
    "as: bob, as-groups: g1, token: t",
    "as: bob, as-groups: [1], token: t",
    "as: bob, as-groups: [a, null], token: t",
    "as: bob, as-groups: [], token: t",
    'as: bob, as-groups: ["", ü], token: t',
    "as: bob, as-uid: 5, token: t",
    "as-groups: [a], token: t",
    "as-uid: u, token: t",
    "as-user-extra: {a: [b]}, token: t",
    "as: bob, as-user-extra: {a: [b, c], Ab%c: [d], 'x/y z': [e], ü: [ö]}, token: t",
    "as: bob, as-user-extra: {a: b}, token: t",
    "as: bob, as-user-extra: {a: [1]}, token: t",
    "as: bob, as-user-extra: {a: null, b: []}, token: t",
    "as: bob, as-user-extra: [a], token: t",
    "as: bob, as-user-extra: {5: [a], yes: [b]}, token: t",
    "as: bob, username: u, password: p",
    f"as: bob, {CERTIFICATE}",
    f"as: bob, {EXEC}",
    "impersonate: bob, token: t",
    "auth-provider: {name: gcp}, token: t",
    "auth-provider: {name: gcp}",
    "auth-provider: oidc, token: t",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $JWT, idp-issuer-url: 'https://127.0.0.1:1'}}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $OLD, idp-issuer-url: 'https://127.0.0.1:1'}}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: no.t, idp-issuer-url: 'https://127.0.0.1:1'}}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $JWT}}",
    "auth-provider: {name: oidc, config: {id-token: $JWT, idp-issuer-url: 'https://127.0.0.1:1'}}",
    "auth-provider: {name: oidc, config: {client-id: c, idp-issuer-url: 'https://127.0.0.1:1', refresh-token: r}}",
    "auth-provider: {name: oidc, config: {client-id: c, idp-issuer-url: 'https://127.0.0.1:1'}}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $JWT, idp-issuer-url: x, client-secret: 5}}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $JWT, idp-issuer-url: x}}, token: t",
    f"auth-provider: {{name: oidc, config: {{client-id: c, id-token: $JWT, idp-issuer-url: x}}}}, {EXEC}",
    f"auth-provider: {{name: oidc, config: {{client-id: c, id-token: $JWT, idp-issuer-url: x}}}}, {CERTIFICATE}",
    "auth-provider: {name: oidc, config: {client-id: c, id-token: $JWT, idp-issuer-url: x}}, username: u, password: p",
    "auth-provider: {name: oidc}",
    "auth-provider: null, token: t",
    "exec: null, token: t",
    "exec: x, token: t",
    "exec: [x], token: t",
    "exec: {}, token: t",
    f"exec: {{{V1}}}",
    f"exec: {{{V1}, command: $DIR/gives-token}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Sometimes}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: IfAvailable}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Always}}",
    f"exec: {{{V1}beta1, command: $DIR/gives-beta}}",
    f"exec: {{{V1}alpha1, command: $DIR/gives-token}}",
    f"exec: {{{V1}beta1, command: $DIR/gives-token}}",
    "exec: {command: $DIR/gives-token, interactiveMode: Never}",
    "exec: {apiVersion: v1, command: $DIR/gives-token, interactiveMode: Never}",
    f"exec: {{{V1}, command: 5, interactiveMode: Never}}",
    f"exec: {{{V1}, command: ./gives-here, interactiveMode: Never}}",
    f"exec: {{{V1}, command: gives-here, interactiveMode: Never}}",
    f"exec: {{{V1}, command: missing-plugin, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/fails, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/echoes, args: ['{{}}'], interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, args: 5}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, args: [5]}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, args: [null]}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, args: null}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: A, value: x}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: A}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: A, value: 5}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: 'A=B', value: x}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: A, value: x}}, {{name: A, value: z}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{value: x}}]}}",
    f"exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: {{A: x}}}}",
    f'exec: {{{V1}, command: $DIR/gives-env, interactiveMode: Never, env: [{{name: A, value: "a\\0b"}}]}}',
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, provideClusterInfo: yes}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, provideClusterInfo: 'yes'}}",
    f"exec: {{{V1}, command: $DIR/gives-token, interactiveMode: Never, installHint: 5}}",
    f"exec: {{{V1}, command: $DIR/gives-yaml, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-certificate, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-half, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-nothing, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-number, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-kind, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-expired, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-no-time, interactiveMode: Never}}",
    f"exec: {{{V1}, command: $DIR/gives-line, interactiveMode: Never}}",
    "",
    "extensions: []",
    "extensions: [{name: x, extension: {a: 1}}], token: t",
    "token: t, unknown: [1, {a: b}]",
    "token: a, token: b",
]
CLUSTERS = [
    CA,
    "",
    "insecure-skip-tls-verify: true",
    'insecure-skip-tls-verify: "false"',
    'insecure-skip-tls-verify: "true"',
    "insecure-skip-tls-verify: yes",
    "insecure-skip-tls-verify: on",
    "insecure-skip-tls-verify: y",
    "insecure-skip-tls-verify: 1",
    "insecure-skip-tls-verify: 0",
    "insecure-skip-tls-verify: null",
    "insecure-skip-tls-verify: False",
    "insecure-skip-tls-verify: no",
    "insecure_skip_tls_verify: true",
    "Insecure-Skip-TLS-Verify: true",
    f"insecure-skip-tls-verify: true, {CA}",
    f"insecure-skip-tls-verify: false, {CA}",
    "insecure-skip-tls-verify: true, certificate-authority-data: $CACRT",
    "certificate-authority-data: $CACRT",
    'certificate-authority-data: "$CACRT\\n"',
    "certificate-authority-data: $CRT",
    "certificate-authority-data: x",
    "certificate-authority-data: AAAA",
    'certificate-authority-data: ""',
    "certificate-authority-data: 5",
    f"{CA}, certificate-authority-data: $CACRT",
    "certificate-authority: $DIR/missing",
    "certificate-authority: $DIR/empty",
    "certificate-authority: $DIR/token",
    "certificate-authority: $DIR/client.crt",
    "certificate-authority: $DIR/server.crt",
    "certificate-authority: $DIR/utf8.crt",
    "certificate-authority: $DIR/latin1.crt",
    "certificate-authority: $DIR/bundle.crt",
    "certificate-authority: $DIR/broken.crt",
    "certificate-authority: $DIR/crlf.crt",
    "certificate-authority: $DIR/both.pem",
    "certificate-authority: $DIR/headers.crt",
    "certificate-authority: ca-here.crt",
    "certificate-authority: 5",
    "certificate-authority: [x]",
    f"{CA}, tls-server-name: api.test",
    f"{CA}, tls-server-name: localhost",
    f"{CA}, tls-server-name: wrong.test",
    f"{CA}, tls-server-name: 127.0.0.1",
    f"{CA}, tls-server-name: API.test",
    f"{CA}, tls-server-name: api.test.",
    f"{CA}, tls-server-name: 5",
    f"{CA}, disable-compression: true",
    f'{CA}, disable-compression: "true"',
    f"{CA}, proxy-url: 'http://$PROXY'",
    f"{CA}, proxy-url: 'http://u:p%40q@$PROXY'",
    f"{CA}, proxy-url: 'HTTP://$PROXY'",
    f"{CA}, proxy-url: '$PROXY'",
    f"{CA}, proxy-url: 'ftp://$PROXY'",
    f"{CA}, proxy-url: 'http://$PROXY/path'",
    f"{CA}, proxy-url: 'http://127.0.0.1:1'",
    f"{CA}, proxy-url: 'http://[::1'",
    f"{CA}, proxy-url: ''",
    f"{CA}, proxy-url: 5",
    f"{CA}, proxy-url: proxy",
    f"{CA}, extensions: [{{name: x, extension: 5}}]",
    f"{CA}, extensions: x",
    f"{CA}, api-version: v1",
]
SERVERS = [
    "$URL/",
    "$URL//",
    "$URL/prefix",
    "$URL/prefix/",
    "$URL/prefix?x=1",
    "$URL?x=1",
    "$URL#x",
    "$URL/prefix#x",
    "$URL/a%2Fb",
    "$URL/a b",
    "HTTPS://127.0.0.1:$PORT",
    "https://localhost:$PORT",
    "https://LOCALHOST:$PORT",
    "https://0.0.0.0:$PORT",
    "https://u:p@127.0.0.1:$PORT",
    "https://u@127.0.0.1:$PORT",
    "https://u:p%40q@127.0.0.1:$PORT",
    "https://adm:p/w@127.0.0.1:$PORT",
    "https://adm:p w@127.0.0.1:$PORT",
    "127.0.0.1:$PORT",
    "localhost:$PORT",
    "127.0.0.1:$PORT/prefix",
    "https:/127.0.0.1:$PORT",
    "https:127.0.0.1:$PORT",
    "//127.0.0.1:$PORT",
    "ftp://127.0.0.1:$PORT",
    "https://127.0.0.1:0$PORT",
    "https://127.0.0.1:99999",
    "https://127.0.0.1:-1",
    "https://127.0.0.1:x",
    "https://127.0.0.1:$PORT:1",
    "https://[::1",
    "https://[127.0.0.1]:$PORT",
    "https://",
    "https://:$PORT",
    " $URL",
    "$URL ",
    "$PLAIN",
    "$PLAIN/prefix",
    "unix:///tmp/x",
    "",
]
TEXTS = {
    "two documents": kubeconfig() + "---\nusers: 5\n",
    "two documents, the second broken": kubeconfig() + "---\n{[\n",
    "an empty first document": "---\n---\n" + kubeconfig(),
    "a directive": "%YAML 1.1\n---\n" + kubeconfig(),
    "a byte order mark": "\ufeff" + kubeconfig(),
    "no kind": kubeconfig(top="# no kind"),
    "another kind": kubeconfig(top="apiVersion: v1\nkind: Pod"),
    "another version": kubeconfig(top="apiVersion: v2\nkind: Config"),
    "a kind alone": kubeconfig(top="kind: Config"),
    "a version alone": kubeconfig(top="apiVersion: v1"),
    "preferences": kubeconfig(top="preferences: {colors: true}"),
    "preferences that are none": kubeconfig(top="preferences: 5"),
    "a null user": kubeconfig() + "# null\n",
    "tabs": kubeconfig().replace("{name: it, user: ", "{name:\tit, user: "),
    "anchors": kubeconfig().replace("user: {token: t}", "user: &u {token: t}") + "extensions: [{name: x, extension: *u}]\n",
    "an alias for a name": kubeconfig().replace("current-context: it", "current-context: &n it").replace("[{name: it", "[{name: *n"),
    "a merge key": kubeconfig(user="<<: {token: t}, as: bob"),
    "a merge key that loses": kubeconfig(user="<<: {token: t}, token: u"),
    "merge keys in a list": kubeconfig(user="<<: [{token: t}, {token: u, as: bob}]"),
    "a tag": kubeconfig(user="token: !!str 5"),
    "a tag of its own": kubeconfig(user="token: !x t"),
    "a binary tag": kubeconfig(user="token: !!binary dA=="),
    "a key that is a list": kubeconfig(user="[a]: b, token: t"),
    "a key of maps": kubeconfig(user="? {a: b} : c, token: t"),
    "two of one name": kubeconfig() + kubeconfig().split("\n")[-2].replace("users: [", "# ") + "\n",
    "two users of one name": kubeconfig(user="token: t}}, {name: it, user: {token: u"),
    "two clusters of one name": kubeconfig(cluster=CA + "}}, {name: it, cluster: {server: x"),
    "nothing": "\n",
    "a comment": "# nothing\n",
    "a word": "hello\n",
    "a list": "[1, 2]\n",
    "null": "null\n",
    "clusters that are null": "clusters: null\nusers: ~\ncontexts:\n",
    "clusters of null": kubeconfig().replace("clusters: [", "clusters: [null, "),
    "users of null": kubeconfig().replace("users: [", "users: [null, "),
    "a cluster without a body": kubeconfig().replace("clusters: [", "clusters: [{name: x}, "),
    "a user without a body": kubeconfig().replace("{name: it, user: {token: t}}", "{name: it}"),
    "a user that is null": kubeconfig().replace("{name: it, user: {token: t}}", "{name: it, user: null}"),
    "a user that is text": kubeconfig().replace("{name: it, user: {token: t}}", "{name: it, user: x}"),
    "a context of another user": kubeconfig().replace("user: it}", "user: nobody}"),
    "a context of no user": kubeconfig().replace(", user: it}", "}"),
    "a context of another cluster": kubeconfig().replace("cluster: it, user", "cluster: no, user"),
    "a context without a body": kubeconfig().replace("{cluster: it, user: it}", ""),
    "a current context that is not there": kubeconfig().replace("current-context: it", "current-context: no"),
    "no current context": kubeconfig().replace("current-context: it", ""),
    "a current context of null": kubeconfig().replace("current-context: it", "current-context: null"),
    "a current context that is a number": kubeconfig().replace("current-context: it", "current-context: 5"),
    "a current context that is a boolean": kubeconfig().replace("current-context: it", "current-context: yes"),
    "names that are dates": kubeconfig().replace("it", "2026-01-01").replace("kind", "kind"),
    "names that are times": kubeconfig().replace("name: it", "name: 12:30:45").replace("t: it", "t: 12:30:45").replace("r: it", "r: 12:30:45"),
    "names that are numbers": kubeconfig().replace("name: it", "name: 5").replace("t: it", "t: 5").replace("r: it", "r: 5"),
    "names that are versions": kubeconfig().replace("name: it", "name: 1.2.3").replace("t: it", "t: 1.2.3").replace("r: it", "r: 1.2.3"),
    "names that are octal": kubeconfig().replace("name: it", "name: 0o7").replace("t: it", "t: 0o7").replace("r: it", "r: 0o7"),
    "names that are underscores": kubeconfig().replace("name: it", "name: 1__0").replace("t: it", "t: 1__0").replace("r: it", "r: 1__0"),
    "names that are y": kubeconfig().replace("name: it", "name: y").replace("t: it", "t: y").replace("r: it", "r: y"),
    "names that are =": kubeconfig().replace("name: it", "name: =").replace("t: it", "t: =").replace("r: it", "r: ="),
    "names that are empty": kubeconfig().replace("name: it", "name: ''").replace("t: it", "t: ''").replace("r: it", "r: ''"),
    "a namespace that is a number": kubeconfig(context="namespace: 5"),
    "a namespace that is null": kubeconfig(context="namespace: null"),
    "block scalars": kubeconfig(user="token: t").replace("users: [{name: it, user: {token: t}}]", "users:\n- name: it\n  user:\n    token: >-\n      t\n"),
    "folded data": kubeconfig(cluster="x: y").replace("clusters: [{name: it, cluster: {server: \"$URL\", x: y}}]", "clusters:\n- name: it\n  cluster:\n    server: $URL\n    certificate-authority-data: |\n      $CACRT\n"),
    "JSON": '{"current-context": "it", "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],\n\t"clusters": [{"name": "it", "cluster": {"server": "$URL", "certificate-authority": "$DIR/ca.crt"}}], "users": [{"name": "it", "user": {"token": "\\u00fct"}}]}',
    "JSON that is cut off": '{"current-context": "it", "contexts": [{"name": "it"',
    "deep": kubeconfig() + "x: " + "[" * 500 + "]" * 500 + "\n",
    "a control character": kubeconfig(user="token: \x01"),
    "nul": kubeconfig() + "\0\n",
    "carriage returns": kubeconfig().replace("\n", "\r\n"),
    "unprintable": kubeconfig(user='token: "\\e"'),
}  # fmt: skip
OTHER = kubeconfig("token: other").replace("name: it", "name: other").replace(": it", ": other")
BOTH = Case({"config": kubeconfig("token: t"), "second": OTHER}, {}, {"KUBECONFIG": "config:second"})
FLAGS: dict[str, dict[str, Any]] = {
    "token": {"token": "flag"},
    "empty as": {"as_user": ""},
    "as": {"as_user": "eve"},
    "as in Latin": {"as_user": "jürgen", "as_groups": ("ä", "b")},
    "as in Japanese": {"as_user": "日本", "as_uid": "ü"},
    "as, broken": {"as_user": "a\nb"},
    "as with spaces": {"as_user": " a "},
    "group alone": {"as_groups": ("g",)},
    "uid alone": {"as_uid": "u"},
    "as all": {"as_user": "eve", "as_groups": ("c", "d"), "as_uid": "u2"},
    "server": {"server": "$URL"},
    "server in capitals": {"server": "HTTPS://localhost:$PORT"},
    "server without scheme": {"server": "127.0.0.1:$PORT"},
    "server without scheme, insecure": {"server": "127.0.0.1:$PORT", "insecure_skip_tls_verify": True},
    "server without scheme, CA": {"server": "127.0.0.1:$PORT", "certificate_authority": "$DIR/ca.crt"},
    "server, plain": {"server": "$PLAIN"},
    "server, password": {"server": "https://u:p@127.0.0.1:$PORT"},
    "server, broken": {"server": "https://[::1"},
    "server, spaces": {"server": "https://a b"},
    "insecure": {"insecure_skip_tls_verify": True},
    "CA": {"certificate_authority": "$DIR/ca.crt"},
    "CA, relative": {"certificate_authority": "ca-here.crt"},
    "CA, wrong": {"certificate_authority": "$DIR/client.crt"},
    "CA, missing": {"certificate_authority": "$DIR/missing"},
    "CA and insecure": {"certificate_authority": "$DIR/ca.crt", "insecure_skip_tls_verify": True},
    "name": {"tls_server_name": "api.test"},
    "name, wrong": {"tls_server_name": "no.test"},
    "name and server": {"tls_server_name": "api.test", "server": "https://localhost:$PORT"},
    "context": {"context": "it"},
    "context, missing": {"context": "no"},
    "cluster": {"cluster": "it"},
    "cluster, missing": {"cluster": "no"},
    "user": {"user": "it"},
    "user, missing": {"user": "no"},
    "namespace": {"namespace": "shop"},
    "kubeconfig": {"kubeconfig": "config"},
    "kubeconfig, missing": {"kubeconfig": "no"},
    "kubeconfig, a directory": {"kubeconfig": "."},
}
_HTTPS_PROXIES = [
    {"HTTPS_PROXY": "http://$PROXY"},
    {"https_proxy": "http://$PROXY"},
    {"HTTPS_PROXY": "$PROXY"},
    {"HTTPS_PROXY": "http://u:p@$PROXY"},
    {"HTTPS_PROXY": "http://u@$PROXY"},
    {"HTTPS_PROXY": "u:p@$PROXY"},
    {"HTTPS_PROXY": "http://$PROXY/"},
    {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://$PROXY"},
    {"HTTPS_PROXY": "", "https_proxy": "http://$PROXY"},
    {"HTTP_PROXY": "http://$PROXY"},
    {"http_proxy": "http://$PROXY"},
    {"ALL_PROXY": "http://$PROXY"},
    {"all_proxy": "http://$PROXY"},
    {"HTTPS_PROXY": "://$PROXY"},
    {"HTTPS_PROXY": "http://[::1"},
    {"HTTPS_PROXY": "ftp://$PROXY"},
    {"HTTPS_PROXY": "http://$PROXY", "REQUEST_METHOD": "GET"},
    {"HTTP_PROXY": "http://$PROXY", "REQUEST_METHOD": "GET"},
]
_EXCEPTIONS = [
    "*",
    "0.0.0.0",
    "0.0.0.0/8",
    "0.0.0.0/33",
    "0.0.0.0:$PORT",
    "0.0.0.0:1",
    "0.0.0.1",
    " 0.0.0.0 ",
    "x, 0.0.0.0/16,y",
    "::/0",
    "api.test",
    ".api.test",
    "*.api.test",
    "*.test",
    ".test",
    "test",
    "est",
    "API.TEST",
    "api.test:$PORT",
    "api.test:1",
    "api.test:443",
    "i.test",
    "*api.test",
    "[::1]",
    ":1",
    ",",
    "127.0.0.1",
]


def _proxied() -> Iterator[tuple[str, Case]]:
    for url in ("$URL", "https://0.0.0.0:$PORT", "https://localhost:$PORT", "https://api.test:$PORT", "$PLAIN"):
        for proxy in _HTTPS_PROXIES[:1] if url in ("$URL", "https://localhost:$PORT") else _HTTPS_PROXIES:
            if url != "$PLAIN" or "HTTP" in "".join(proxy).upper():
                yield f"{proxy} {url}", one(kubeconfig(server=url), proxy)
    for exception in _EXCEPTIONS:
        for url in ("https://0.0.0.0:$PORT", "https://api.test:$PORT", "https://b.api.test"):
            if (url == "https://0.0.0.0:$PORT") == (exception[:1] not in "*.aAtei"):
                yield (
                    f"NO_PROXY={exception} {url}",
                    one(kubeconfig(server=url), {"HTTPS_PROXY": "http://$PROXY", "NO_PROXY": exception}),
                )
    for name in ("NO_PROXY", "no_proxy"):
        yield (
            f"{name} and proxy-url",
            one(
                kubeconfig(cluster=f"{CA}, proxy-url: 'http://$PROXY'"),
                {name: "*", "HTTPS_PROXY": "http://127.0.0.1:1"},
            ),
        )
    yield (
        "no_proxy loses",
        one(
            kubeconfig(server="https://0.0.0.0:$PORT"),
            {"HTTPS_PROXY": "http://$PROXY", "NO_PROXY": "x", "no_proxy": "*"},
        ),
    )


_PARTIAL = "clusters: [{name: it, cluster: {tls-server-name: api.test}}]\nusers: [{name: it, user: {as: bob}}]\n"


def _files() -> Iterator[tuple[str, Case]]:
    """Several files, and where they are looked for."""
    for first, second in (
        (kubeconfig(), OTHER),
        (OTHER, kubeconfig()),
        (_PARTIAL, kubeconfig()),
        (kubeconfig(), _PARTIAL),
    ):
        yield (
            f"merged {len(first)} {len(second)}",
            Case({"config": first, "second": second}, {}, {"KUBECONFIG": "config:second"}),
        )
    good = kubeconfig()
    files = {"config": good, "broken": "users: 5\n", "empty": "", ".kube/config": good, "dir/x": ""}
    for value in ("missing:config", "config:missing", "broken:config", "config:broken", ":config:", "empty:config",
                  "config:config", "dir:config", "dir", "missing", "~/config", " config", "", ":"):  # fmt: skip
        yield f"KUBECONFIG={value}", Case(files, {}, {"KUBECONFIG": value})
    yield (
        "paths of two files",
        Case(
            {
                "a/config": kubeconfig(CERTIFICATE.replace("$DIR/", "../")),
                "client.crt": "$CLIENT",
                "client.key": "$CLIENTKEY",
            },
            {"kubeconfig": "a/config"},
        ),
    )
    for flags in ({"context": "other"}, {"user": "other"}, {"cluster": "other"}, {"context": "no"}):
        yield f"both {flags}", Case(BOTH.files, flags, BOTH.environment)
    for path in (".", ":/usr/bin", ".:/usr/bin", "/usr/bin:.", "$HERE/bin", "bin"):
        yield f"PATH={path}", Case(
            {"config": kubeconfig(f"exec: {{{V1}, command: my-plugin, interactiveMode: Never}}"),
             "my-plugin": "$SCRIPT", "bin/my-plugin": "$SCRIPT"},
            {}, {"PATH": path},
        )  # fmt: skip


# Flags on top of users of every sort.
_BASES = ["token: t", "username: u, password: p", CERTIFICATE, EXEC, "tokenFile: $DIR/token", "as: bob, as-groups: [a], token: t"]  # fmt: skip


def by_hand() -> dict[str, Case]:
    """The cases that somebody thought of, by what is special about them."""
    found = {f"user {user}": one(kubeconfig(user)) for user in USERS}
    found |= {f"cluster {cluster}": one(kubeconfig(cluster=cluster)) for cluster in CLUSTERS}
    found |= {f"server {server}": one(kubeconfig(server=server)) for server in SERVERS}
    found |= {text: one(content) for text, content in TEXTS.items()}
    for flag, values in FLAGS.items():
        found |= {f"--{flag} on {base}": one(kubeconfig(base), **values) for base in _BASES[: 1 + len(flag) % 3]}
    found |= {f"--token on {base}": one(kubeconfig(base), token="flag") for base in _BASES}
    found |= {f"http and {base}": one(kubeconfig(base, "", "$PLAIN")) for base in _BASES}
    found |= {f"a password in the address and {base}": one(kubeconfig(base, CA, "https://u:p@127.0.0.1:$PORT")) for base in _BASES}  # fmt: skip
    return found | dict(_proxied()) | dict(_files())


def by_chance(count: int, seed: int) -> dict[str, Case]:
    """Mixtures of all that: fields of two users, of two clusters, a server, flags, a proxy."""
    dice = random.Random(seed)
    found = {}
    for number in range(count):
        user = ", ".join(filter(None, dice.sample(USERS, dice.choice((1, 1, 2)))))
        cluster = ", ".join(filter(None, dice.sample(CLUSTERS, dice.choice((1, 1, 2))))) if dice.random() < 0.6 else CA
        server = dice.choice(SERVERS) if dice.random() < 0.3 else "$URL"
        flags: dict[str, Any] = {}
        for name in dice.sample(sorted(FLAGS), dice.choice((0, 0, 1, 2))):
            flags |= FLAGS[name]
        environment = dict(dice.choice(_HTTPS_PROXIES)) if dice.random() < 0.2 else {}
        if environment and dice.random() < 0.5:
            environment["NO_PROXY"] = dice.choice(_EXCEPTIONS)
        found[f"{seed}/{number}"] = one(kubeconfig(user, cluster, server), environment, **flags)
    return found


def options(case: Case) -> ConnectionFlags:
    return ConnectionFlags(**case.flags)


def words(options: ConnectionFlags) -> list[str]:
    """The flags as kubectl takes them."""
    names = {"as_user": "--as", "as_groups": "--as-group", "as_uid": "--as-uid"}
    found = []
    for name in (one.name for one in fields(options)):
        value = getattr(options, name)
        for part in value if isinstance(value, tuple) else [value]:
            if part:
                text = "true" if part is True else part
                found.append(f"{names.get(name, '--' + name.replace('_', '-'))}={text}")
    return found

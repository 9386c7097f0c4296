#!/usr/bin/env python3
"""Runs the field cases against a checkout of the project and says kind by kind what holds.

field_cases.py --python VENV/bin/python --project DIR [--only sizing|explain|bills] [--data DIR] [--ids a,b] [-v]

Data: a folder with sizing.jsonl or sizing/*.json(l), explain.jsonl, commands.jsonl (of the cost side), bills/<case>/{input.json,usage.yaml?,truth.json};
default: the folder of this file.
A case: id, kind, one of `ask` (a question), `asks` (name -> question), `steps` (command lines, the last is judged), `docs` (a pattern in the docs);
`files` (name -> content) are laid beside it; `counts: false` is shown and not judged. `truth` is a list of checks, all of which must hold:
  {"key", "of"?, is|about+within|at_most|at_least|band_holds}   a figure of an answer (or, of a command or a bill, of its --json)
  {"ratio": ["a.key", "b.key"], at_most|at_least}               two answers held against each other
  {"number": "pattern (\\d+)", at_most|at_least|about+within}   every figure found by the pattern in the output; none found is a failure
  {"error": pattern|false}, {"rc": [..]}, {"out": pattern}, {"not": pattern}, {"first_screen": pattern}
  {"total": "none" | "none or at least"}                        a bill prints no total, or at most one that says `at least`
  {"any": [[checks], ...]}                                      one of the lists holds
Exit 0 only when every judged case holds.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIGURES = {
    "usd_per_hour": r"\$([\d,]+\.?\d*)\s*/h",
    "usd_per_month": r"\$([\d,]+\.?\d*)\s*/month",
    "usd_until_expiry": r"\$([\d,]+\.?\d*) until",
}
NOW = datetime.datetime.now(datetime.UTC)


# ---------------------------------------------------------------- inputs
def dated(text):
    """@NOW+36h@ becomes the UTC time so many hours from now."""
    return re.sub(r"@NOW([+-]\d+)h@", lambda m: (NOW + datetime.timedelta(hours=int(m[1]))).strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def lay(folder, files):
    for name, content in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and set(content) == {"gguf"}:
            path.write_bytes(gguf(**content["gguf"]))
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))


def gguf(
    arch, block_type, per_block, block_bytes, layers=2, hidden=1024, feed_forward=2816, heads=16, kv_heads=4, vocabulary=1024, keys=None
):
    """Header of a small GGUF file of version 3, its body zeros: `block_type` with `per_block` weights in `block_bytes` bytes for every matrix."""

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    def pair(key, value):
        if isinstance(value, str):
            return text(key) + struct.pack("<I", 8) + text(value)
        if isinstance(value, list):
            return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(x) for x in value)
        return text(key) + (struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value))

    meta = {
        "general.architecture": arch,
        "general.name": "x",
        "general.file_type": 15,
        f"{arch}.block_count": layers,
        f"{arch}.context_length": 8192,
        f"{arch}.embedding_length": hidden,
        f"{arch}.feed_forward_length": feed_forward,
        f"{arch}.attention.head_count": heads,
        f"{arch}.attention.head_count_kv": kv_heads,
        f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"t{i}" for i in range(vocabulary)],
        **(keys or {}),
    }
    head = hidden // heads
    tensors = [
        ("token_embd.weight", (hidden, vocabulary), block_type),
        ("output.weight", (hidden, vocabulary), block_type),
        ("output_norm.weight", (hidden,), 0),
    ]
    for i in range(layers):
        for name, dims in (
            ("attn_q", (hidden, heads * head)),
            ("attn_k", (hidden, kv_heads * head)),
            ("attn_v", (hidden, kv_heads * head)),
            ("attn_output", (heads * head, hidden)),
            ("ffn_gate", (hidden, feed_forward)),
            ("ffn_up", (hidden, feed_forward)),
            ("ffn_down", (feed_forward, hidden)),
            ("attn_norm", (hidden,)),
            ("ffn_norm", (hidden,)),
        ):
            tensors.append((f"blk.{i}.{name}.weight", dims, block_type if len(dims) == 2 else 0))
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(meta)) + b"".join(pair(k, v) for k, v in meta.items())
    at = 0
    for name, dims, kind in tensors:
        count = 1
        for d in dims:
            count *= d
        size = count * 4 if kind == 0 else count // per_block * block_bytes
        out += text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, at)
        at += (size + 31) // 32 * 32
    return out + b"\0" * (-len(out) % 32 + at)


# ---------------------------------------------------------------- running
class Project:
    def __init__(self, python, project, scratch):
        self.python, self.project, self.scratch = python, project, scratch
        self.cli = str(pathlib.Path(python).parent / "inferstack")
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("INFERSTACK_", "AWS_", "PULUMI_"))}
        self.env = {
            **keep,
            "HOME": str(scratch / "home"),
            "XDG_STATE_HOME": str(scratch / "state"),
            "XDG_CONFIG_HOME": str(scratch / "config"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "PYTHONIOENCODING": "utf-8",
        }
        (scratch / "home").mkdir()
        (scratch / "none.yaml").write_text("")

    def estimate(self, questions):
        env = {**self.env, "INFERSTACK_DIR": str(self.scratch / "answers")}
        text = "".join(json.dumps(q) + "\n" for q in questions)
        done = subprocess.run(
            [self.python, "-m", "sizing.estimate"], cwd=self.project, input=text, capture_output=True, text=True, timeout=300, env=env
        )
        found = {}
        for line in done.stdout.splitlines():
            try:
                answer = json.loads(line)
                found[answer["id"]] = answer
            except (ValueError, KeyError, TypeError):
                pass
        return found

    def command(self, args, folder):
        """Returns exit status, stdout and stderr, each blank run one blank."""
        env = {**self.env, "INFERSTACK_DIR": str(folder / "work")}
        args = [a.replace("{dir}", str(folder)) for a in args]
        try:
            done = subprocess.run(
                [self.cli, *args],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=120,
                env=env,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return 124, "", "hangs for 120 s"
        return done.returncode, done.stdout, done.stderr


def flat(text):
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def found_key(tree, key):
    """The value of `key` nearest to the root: names may move, they are looked for."""
    level = [tree]
    while level:
        for node in level:
            if isinstance(node, dict) and key in node:
                return node[key]
        level = [
            x
            for node in level
            for x in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(x, (dict, list))
        ]
    return None


class Result:
    """What a command or a question gave, in the words of the checks."""

    def __init__(self, answers=None, rc=0, out="", err=""):
        self.answers, self.rc, self.json = answers or {}, rc, parsed(out)
        self.text = flat(err + " " + out) if self.json is None else flat(err)
        self.all = flat(err + " " + out)

    def figure(self, key, of=None):
        if self.answers:
            return self.answers.get(of or next(iter(self.answers)), {}).get(key)
        if key in FIGURES and self.no_total():
            return None
        value = found_key(self.json, key) if self.json is not None else None
        if value is None and key in FIGURES:
            match = re.search(r"Total:.{0,80}?" + FIGURES[key], self.text)
            value = float(match[1].replace(",", "")) if match else None
        return value

    def no_total(self):
        """A bill that gives no sum: refused, or says so."""
        return bool(
            self.rc != 0 or re.search(r"\bno total\b", self.text, re.I) or (self.json is not None and found_key(self.json, "refused"))
        )

    def errors(self):
        said = [a["error"] for a in self.answers.values() if a.get("error")]
        return " ".join(map(str, said)) if self.answers else (self.text if self.rc else "")


def bounds(check, value):
    if "is" in check:
        return value == check["is"]
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    held = True
    if "about" in check:
        held &= abs(value - check["about"]) <= check.get("within", 0.01) * abs(check["about"])
    if "at_most" in check:
        held &= value <= check["at_most"]
    if "at_least" in check:
        held &= value >= check["at_least"]
    return held


def fault(check, got):
    """None where the check holds, else what was seen."""
    if "any" in check:
        seen = [[w for w in (fault(c, got) for c in option) if w] for option in check["any"]]
        return None if any(not one for one in seen) else " / ".join(one[0] for one in seen)
    if "band_holds" in check:
        low, high = (got.figure(f"{check['key']}_{end}", check.get("of")) for end in ("low", "high"))
        return (
            None
            if low is not None and high is not None and low <= check["band_holds"] <= high
            else f"{check['key']} {low} to {high}, true {check['band_holds']}"
        )
    if "key" in check:
        value = got.figure(check["key"], check.get("of"))
        return (
            None
            if bounds(check, value)
            else f"{check['key']} {short(value)}{' (' + short(got.errors()) + ')' if value is None and got.errors() else ''}, wanted {wish(check)}"
        )
    if "ratio" in check:
        a, b = (got.figure(*reversed(x.split(".", 1))) for x in check["ratio"])
        value = a / b if isinstance(a, (int, float)) and isinstance(b, (int, float)) and b else None
        return (
            None
            if value is not None and bounds(check, value)
            else f"{check['ratio'][0]} / {check['ratio'][1]} = {short(a)} / {short(b)} = {short(value)}, wanted {wish(check)}"
        )
    if "number" in check:
        values = [float(m.replace(",", "")) for m in re.findall(check["number"], got.all)]
        return None if values and all(bounds(check, v) for v in values) else f"'{check['number']}' gives {values[:4]}, wanted {wish(check)}"
    if "error" in check:
        if check["error"] is False:
            return None if not got.errors() else f"error: {short(got.errors())}"
        return (
            None
            if got.errors() and re.search(check["error"], got.errors(), re.S)
            else f"no error like '{check['error']}': {short(got.errors() or 'answered')}"
        )
    if "rc" in check:
        return None if got.rc in check["rc"] else f"exit {got.rc}, wanted {check['rc']}"
    if "first_screen" in check:
        return None if re.search(check["first_screen"], first_screen(got.all), re.S) else f"first screen lacks '{check['first_screen']}'"
    if "out" in check:
        return None if re.search(check["out"], got.text, re.S) else f"output lacks '{check['out']}': {short(got.text)}"
    if "not" in check:
        match = re.search(check["not"], got.text, re.S)
        return f"output holds '{short(match[0])}'" if match else None
    if "total" in check:
        said = check["total"] == "none or at least" and re.search(r"\bat least\b", got.text, re.I)
        return None if got.no_total() or said else f"a total is printed: {short(got.figure('usd_per_hour'))} an hour"
    return f"unknown check {check}"


def first_screen(text):
    """Of a report: what a browser shows before the second heading."""
    path = re.search(r"(\S+\.html)", text)
    if not path or not os.path.exists(path[1]):
        return ""
    body = pathlib.Path(path[1]).read_text(errors="replace")
    body = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", body[max(body.find("<body"), 0) :], flags=re.S)
    return flat(re.sub(r"<[^>]+>", " ", "".join(re.split(r"(?=<h2)", body)[:2])))


def wish(check):
    return ", ".join(f"{k} {check[k]}" for k in ("is", "about", "within", "at_least", "at_most") if k in check)


def short(value):
    return f"{value:,.4g}" if isinstance(value, float) else str(value)[:150]


# ---------------------------------------------------------------- cases
def lines_of(*paths):
    for path in paths:
        if path.suffix == ".jsonl":
            yield from (json.loads(x) for x in path.read_text().splitlines() if x.strip())
        else:
            content = json.loads(path.read_text())
            yield from content if isinstance(content, list) else [content]


def cases_of(data, only):
    found = []
    if only in (None, "sizing"):
        files = [data / "sizing.jsonl"] if (data / "sizing.jsonl").exists() else sorted((data / "sizing").glob("*.json*"))
        found += [("sizing", c, None) for c in lines_of(*files)]
    if only in (None, "explain") and (data / "explain.jsonl").exists():
        found += [("explain", c, None) for c in lines_of(data / "explain.jsonl")]
    if only in (None, "bills"):
        found += [("bills", c, None) for c in (lines_of(data / "commands.jsonl") if (data / "commands.jsonl").exists() else ())]
        found += [
            ("bills", {"id": p.parent.name, **json.loads(p.read_text())}, p.parent) for p in sorted((data / "bills").glob("*/truth.json"))
        ]
    return found


def judged(project, case, folder, answers):
    folder.mkdir(parents=True)
    lay(folder, case.get("files"))
    if "docs" in case:
        pages = list(project_docs(project.project))
        hit = next((p for p in pages if re.search(case["docs"], p.read_text(errors="replace"), re.I)), None)
        return [] if hit else [f"no page says '{case['docs']}'"]
    if "steps" in case:
        for args in case["steps"]:
            rc, out, err = project.command(args, folder)
        got = Result(rc=rc, out=out, err=err)
    else:
        got = Result(answers={name: answers.get(f"{case['id']}|{name}", {"error": "no answer"}) for name in names(case)})
    return [w for w in (fault(c, got) for c in case["truth"]) if w]


def bill(project, case, source, folder):
    folder.mkdir(parents=True)
    for name in ("input.json", "usage.yaml"):
        if (source / name).exists():
            (folder / name).write_text(dated((source / name).read_text()))
    args = ["bill", "input.json", "--json", *case.get("args", [])]
    if (folder / "usage.yaml").exists():
        args += ["--usage", "usage.yaml"]
    rc, out, err = project.command(args, folder)
    if rc == 0 and "otal" not in err:  # --json that says nothing to people
        err += project.command([x for x in args if x != "--json"], folder)[1]
    return [w for w in (fault(c, Result(rc=rc, out=out, err=err)) for c in case["truth"]) if w]


def project_docs(root):
    return [*pathlib.Path(root).glob("docs/**/*.md"), *pathlib.Path(root).glob("*.md")]


def names(case):
    return list(case["asks"]) if "asks" in case else ["ask"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--python", required=True)
    p.add_argument("--project", required=True)
    p.add_argument("--only", choices=["sizing", "explain", "bills"])
    p.add_argument("--data", type=pathlib.Path, default=HERE)
    p.add_argument("--ids")
    p.add_argument("-v", action="store_true", help="say why")
    a = p.parse_args()
    cases = [c for c in cases_of(a.data, a.only) if not a.ids or c[1]["id"] in a.ids.split(",")]
    if not cases:
        p.error(f"no cases in {a.data}")
    ids = [c[1]["id"] for c in cases]
    double = sorted({i for i in ids if ids.count(i) > 1})
    if double:
        p.error(f"ids stand twice: {double}")
    with tempfile.TemporaryDirectory(prefix="field-") as scratch:
        scratch = pathlib.Path(scratch)
        project = Project(os.path.abspath(a.python), os.path.abspath(a.project), scratch)
        questions = [
            {**q, "id": f"{c['id']}|{name}"}
            for _, c, _ in cases
            if "ask" in c or "asks" in c
            for name, q in (c.get("asks") or {"ask": c["ask"]}).items()
        ]
        answers = project.estimate(questions) if questions else {}

        def run(one):
            _, case, source = one
            folder = scratch / case["id"]
            try:
                return bill(project, case, source, folder) if source else judged(project, case, folder, answers)
            except Exception as trouble:  # a fault of one case must not hide the others
                return [f"{type(trouble).__name__}: {trouble}"]

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            faults = list(pool.map(run, cases))
    rows = {}
    for (group, case, _), wrong in zip(cases, faults, strict=False):
        rows.setdefault((group, case["kind"], case.get("counts", True)), []).append((case["id"], wrong))
    print(f"{'kind':24} {'passed':>6} {'failed':>6}  failed ids")
    for (group, kind, counts), members in sorted(
        rows.items(), key=lambda r: (r[0][0], [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", r[0][1])], not r[0][2])
    ):
        bad = [i for i, w in members if w]
        print(f"{group + ' ' + kind + ('' if counts else ' (shown only)'):24} {len(members) - len(bad):6} {len(bad):6}  {', '.join(bad)}")
        if a.v:
            for i, w in members:
                print(f"    {'-' if w else '+'} {i}{': ' + '; '.join(w)[:400] if w else ''}")
    judged_ones = [w for (_, case, _), w in zip(cases, faults, strict=False) if case.get("counts", True)]
    held = sum(not w for w in judged_ones)
    print(f"field: {held} of {len(judged_ones)} hold")
    return 0 if held == len(judged_ones) else 1


if __name__ == "__main__":
    sys.exit(main())

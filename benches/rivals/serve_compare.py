"""`headstart serve` beside serve_fastapi.py, in one run: requests a second, times, memory and start-up, with their ratios.

    cargo build --release && cargo build --release -p headstart-benches --example http
    python benches/rivals/serve_compare.py model.safetensors efficientnet_lite2.onnx IMAGE... [--seconds 8]
        [--workers 1] [--threads 2] [--batch 8]

--workers and --threads are the rival's, --batch is headstart's. Memory is that of all processes of a server, without what they
share with files (RssAnon), after the last load, and all of it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
CLIENTS = [1, 8, 64]


def ready(port, process):
    """Seconds until the server answers."""
    start = time.perf_counter()
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).read()
            return time.perf_counter() - start
        except OSError:
            time.sleep(0.005)
    sys.exit("the server ended")


def descendants(process):
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True).stdout
    return [process, *(one for child in children.split() for one in descendants(int(child)))]


def memory(process):
    """MB of a server's processes: anonymous, and all."""
    sums = {"RssAnon": 0, "VmRSS": 0}
    for one in descendants(process):
        try:
            lines = pathlib.Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(":")
            if name in sums:
                sums[name] += int(value.split()[0]) / 1000
    return sums["RssAnon"], sums["VmRSS"]


def measure(command, port, given):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = {"start-up, s": ready(port, process)}
        for clients in CLIENTS:
            run = [str(given.target / "examples/http"), "rate", f"127.0.0.1:{port}", str(clients), str(given.seconds)]
            result = json.loads(subprocess.run([*run, *given.images], capture_output=True, text=True, check=True).stdout)
            assert result["failed"] == 0, result
            found[f"requests/s, {clients} clients"] = result["requests_a_second"]
            found[f"p50, ms, {clients} clients"] = result["p50_ms"]
            found[f"p99, ms, {clients} clients"] = result["p99_ms"]
        found["memory, MB"], found["memory with files, MB"] = memory(process.pid)
        return found
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("network")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--workers", default="1")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--batch", default="8")
    parser.add_argument("--only", choices=["ours", "rival"])
    parser.add_argument("--target", type=pathlib.Path, default=ROOT / "target/release")
    given = parser.parse_args()
    ours = [str(given.target / "headstart"), "serve", given.model, "--listen", "127.0.0.1:8100", "--max-batch", given.batch]
    rival = [sys.executable, str(pathlib.Path(__file__).parent / "serve_fastapi.py"), given.model, given.network]
    rival += ["--port", "8101", "--workers", given.workers, "--threads", given.threads]
    os.chdir(pathlib.Path(__file__).parent)
    found = {}
    if given.only != "rival":
        found["headstart"] = measure(ours, 8100, given)
    if given.only != "ours":
        found["rival"] = measure(rival, 8101, given)
    for row in next(iter(found.values())):
        values = [of[row] for of in found.values()]
        ratio = ""
        if len(values) == 2:
            better = values[0] / values[1] if row.startswith("requests") else values[1] / values[0]
            ratio = f"{better:8.2f}x"
        print(f"{row:28}", "".join(f"{value:12.3f}" for value in values), ratio)


if __name__ == "__main__":
    main()

"""`headstart serve` beside serve_fastapi.py, by turns: requests a second, times, memory and start-up, with their ratios.

    cargo build --release --workspace --example http --bin headstart
    python benches/rivals/serve_compare.py model.safetensors IMAGE... [--seconds 4] [--rounds 5]
        [--starts 3]

The rival has the same model, as `headstart convert` writes it for ONNX Runtime. It is measured with several numbers of workers and
threads, and the best of them counts at each number of clients. All servers run at the same time, but one is asked at a time. Each
round asks each of them; the figures are medians over the rounds, and so are the ratios. p99 is that of one round.

The clients share the machine with the server, so they must cost little: they are `benches/examples/http`, a thread and a blocking
socket each, which read no JSON. The last column is what they take of the time of one CPU.

Memory is that of all processes of a server after the last round: what they do not share with files (RssAnon), and all of it
(VmRSS). Start-up is from the start of the process to the first prediction. CPU is the time that a server takes for a request, on all
CPUs together: it varies less than the others where the machine has more to do. The model must cut out the centre of images (`fit`
with any network but VGG), because the rival does.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = [1, 8, 64]
# Workers and threads of each.
RIVALS = [(1, 2), (2, 1), (1, 1)]


class Server:
    """A process, from its start."""

    def __init__(self, name, command, port, log):
        self.name, self.port, self.log = name, port, log
        self.start = time.perf_counter()
        with log.open("w") as file:
            self.process = subprocess.Popen([str(part) for part in command], stdout=file, stderr=file)

    def wait(self, image):
        """Seconds until an image is answered."""
        address = f"http://127.0.0.1:{self.port}/v1/predict"
        while self.process.poll() is None:
            request = urllib.request.Request(address, image, {"Content-Type": "image/jpeg"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    found = json.load(answer)
                return time.perf_counter() - self.start, found
            except ConnectionError:
                pass
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionError):
                    sys.exit(f"{self.name}: {error}\n{self.log.read_text()}")
            time.sleep(0.005)
        sys.exit(f"{self.name}: the server ended with {self.process.returncode}:\n{self.log.read_text()}")

    def end(self):
        self.process.terminate()
        self.process.wait()


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
    return sums


def cpu(process):
    """Seconds of CPUs that a server's processes have taken."""
    total = 0
    for one in descendants(process):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def ask(given, server, clients):
    """One turn of a server: its rate and times, and the share of a CPU that the clients took."""
    used = cpu(server.process.pid)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [given.http, "rate", f"127.0.0.1:{server.port}", clients, given.seconds, *given.images]
    done = subprocess.run([str(part) for part in run], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{server.name}: {done.stderr}\n{server.log.read_text()}")
    used = cpu(server.process.pid) - used
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.loads(done.stdout)
    if result["failed"]:
        sys.exit(f"{server.name}: {result}\n{server.log.read_text()}")
    took = sum(getattr(after, part) - getattr(before, part) for part in ["ru_utime", "ru_stime"])
    return {
        "requests/s": result["requests_a_second"],
        "CPU, ms": used / result["answered"] * 1e3,
        "p50, ms": result["p50_ms"],
        "p99, ms": result["p99_ms"],
        "clients' CPU": took / given.seconds,
    }


def medians(rounds, server):
    return {row: statistics.median(found[server][row] for found in rounds) for row in rounds[0][server]}


def compare(given, servers):
    """The rates and times of all servers at each number of clients."""
    ours, rivals = servers[0].name, [server.name for server in servers[1:]]
    for clients in CLIENTS:
        rounds = [{server.name: ask(given, server, clients) for server in servers} for _ in range(given.rounds)]
        best = max(rivals, key=lambda rival: medians(rounds, rival)["requests/s"])
        for server in servers:
            row = "  ".join(f"{name} {value:8.2f}" for name, value in medians(rounds, server.name).items())
            mark = "  <- the best rival" if server.name == best else ""
            print(f"{clients:2} clients  {server.name:28} {row}{mark}")
        ratio = lambda row: statistics.median(found[ours][row] / found[best][row] for found in rounds)
        print(f"{clients:2} clients  {'ratio':28} {ratio('requests/s'):.2f} x the requests/s, p99 {ratio('p99, ms'):.2f}, CPU {ratio('CPU, ms'):.2f}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("images", nargs="+", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--target", type=pathlib.Path, default=HERE.parents[1] / "target/release")
    given = parser.parse_args()
    given.http = given.target / "examples/http"
    headstart = given.target / "headstart"
    image = given.images[0].read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        network = folder / "model.onnx"
        subprocess.run([headstart, "--quiet", "convert", given.model, "-o", network], check=True, stdout=subprocess.DEVNULL)
        commands = {"headstart": [headstart, "serve", given.model, "--listen", "127.0.0.1:8100"]}
        for index, (workers, threads) in enumerate(RIVALS):
            command = [sys.executable, HERE / "serve_fastapi.py", network, "--port", 8101 + index]
            command += ["--workers", workers, "--threads", threads]
            commands[f"FastAPI, {workers} x {threads} threads"] = command
        servers, starts, answers = [], {}, {}
        try:
            for index, (name, command) in enumerate(commands.items()):
                times = []
                for turn in range(given.starts):
                    server = Server(name, command, 8100 + index, folder / f"{index}.log")
                    servers.append(server)
                    took, answers[name] = server.wait(image)
                    times.append(took)
                    if turn < given.starts - 1:
                        servers.pop().end()
                starts[name] = statistics.median(times)
            for name, answer in answers.items():
                print(f"{name:28} {starts[name]:6.3f} s to the first answer: {answer['label']} {answer['probability']:.6f}")
            compare(given, servers)
            for server in servers:
                found = memory(server.process.pid)
                print(f"{server.name:28} {found['RssAnon']:8.1f} MB of its own, {found['VmRSS']:8.1f} MB in all")
        finally:
            for server in servers:
                server.end()


if __name__ == "__main__":
    main()
